-- Targets: what a metric is to reach, or not to exceed, in each period.

CREATE TABLE fature.target (
    target_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL REFERENCES fature.tenant ON DELETE CASCADE,
    name text NOT NULL,
    metric_name text NOT NULL,
    aggregation text,
    service_name text,
    affiliate_id text,
    region text,
    unit text,
    filters jsonb NOT NULL DEFAULT '{}',
    period text NOT NULL CHECK (period IN ('day', 'week', 'month', 'quarter', 'year')),
    value double precision NOT NULL,
    direction text NOT NULL CHECK (direction IN ('at_least', 'at_most')),
    since date,
    until date,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_by text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT target_tenant_name_key UNIQUE (tenant, name),
    CHECK (until >= since)
);
COMMENT ON TABLE fature.target IS 'What a metric is to reach, or not to exceed, in each period.';
COMMENT ON COLUMN fature.target.aggregation IS 'NULL: the catalogue''s default for the metric.';
COMMENT ON COLUMN fature.target.filters IS 'Dimensions of the metric, by name.';
COMMENT ON COLUMN fature.target.since IS 'The first day that it holds; NULL: always has.';
COMMENT ON COLUMN fature.target.until IS 'The last day that it holds; NULL: for good.';
