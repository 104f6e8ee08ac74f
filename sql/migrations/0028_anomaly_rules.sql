-- Rules of what is unusual: they have no threshold of their own.

ALTER TABLE fature.alert_rule
ALTER COLUMN condition DROP NOT NULL,
ALTER COLUMN threshold_value DROP NOT NULL,
ADD COLUMN direction text,
ADD COLUMN sensitivity text,
ADD COLUMN alerts_per_month double precision;
COMMENT ON COLUMN fature.alert_rule.direction IS 'below, above or both; of type anomaly.';
COMMENT ON COLUMN fature.alert_rule.sensitivity IS 'low, medium or high; of type anomaly.';
COMMENT ON COLUMN fature.alert_rule.alerts_per_month IS
'How many are not too many, instead of a sensitivity; of type anomaly.';
