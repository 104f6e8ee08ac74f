-- Derived metrics: catalogue entries whose values are computed from those of others.

ALTER TABLE fature.metric
ADD COLUMN formula text,
ADD COLUMN operands text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN fature.metric.formula IS
'How a derived metric is computed from aggregated values of others; NULL: samples are submitted.';
COMMENT ON COLUMN fature.metric.operands IS
'The metrics that the formula names.';
