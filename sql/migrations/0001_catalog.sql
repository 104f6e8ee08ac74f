-- The catalogue of metrics and the series that samples belong to.
-- Same on every engine.

CREATE TABLE fature.metric (
    tenant text NOT NULL DEFAULT 'default',
    metric_name text NOT NULL,
    metric_type text NOT NULL,
    unit text,
    kind text NOT NULL CHECK (kind IN ('flow', 'stock', 'ratio')),
    default_aggregation text NOT NULL
    CHECK (default_aggregation IN ('sum', 'avg', 'min', 'max', 'count', 'last')),
    frequency text NOT NULL
    CHECK (frequency IN ('real_time', 'hourly', 'daily', 'monthly')),
    description text NOT NULL DEFAULT '',
    dimensions text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, metric_name)
);
COMMENT ON TABLE fature.metric IS 'Catalogue: one row per metric name of a tenant.';

-- The labels together can be longer than a B-tree entry may be (2704 bytes), so
-- identity is kept unique by their SHA-256. jsonb_build_array is only declared
-- STABLE because it takes any type; for text and jsonb it is immutable.
CREATE FUNCTION fature.series_identity(
    tenant text, metric_name text, metric_type text, unit text, frequency text,
    service_name text, affiliate_id text, region text, dimensions jsonb
) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog
RETURN sha256(convert_to(
    jsonb_build_array(
        tenant, metric_name, metric_type, unit, frequency,
        service_name, affiliate_id, region, dimensions
    )::text, 'UTF8'
));
COMMENT ON FUNCTION fature.series_identity IS 'SHA-256 over everything that makes a series distinct.';

CREATE TABLE fature.series (
    series_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL DEFAULT 'default',
    metric_name text NOT NULL,
    metric_type text NOT NULL,
    unit text,
    frequency text NOT NULL,
    service_name text,
    affiliate_id text,
    region text,
    dimensions jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    identity bytea NOT NULL GENERATED ALWAYS AS (
        fature.series_identity(
            tenant, metric_name, metric_type, unit, frequency,
            service_name, affiliate_id, region, dimensions
        )
    ) STORED UNIQUE,
    FOREIGN KEY (tenant, metric_name) REFERENCES fature.metric
);
CREATE INDEX series_by_metric ON fature.series (tenant, metric_name);
CREATE INDEX series_by_service ON fature.series (tenant, service_name);
COMMENT ON TABLE fature.series IS
'One row per distinct identity; a sample carries its series_id instead of the labels.';

-- Ids are handed out in blocks of this increment: one round trip per block.
CREATE SEQUENCE fature.sample_id AS bigint INCREMENT BY 10000;
COMMENT ON SEQUENCE fature.sample_id IS
'Start of the next block of sample ids; a writer owns the whole increment.';

CREATE TABLE fature.idempotency (
    principal text NOT NULL,
    idempotency_key text NOT NULL,
    body_sha256 bytea NOT NULL,
    first_id bigint NOT NULL,
    sample_count integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (principal, idempotency_key)
);
CREATE INDEX idempotency_by_age ON fature.idempotency (created_at);
COMMENT ON TABLE fature.idempotency IS
'First answer of each Idempotency-Key, written in the transaction of its samples; 24 hours.';
