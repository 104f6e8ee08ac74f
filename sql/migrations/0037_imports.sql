-- Imports of history: how far each came, and what of it was rejected. What one request brings is a
-- batch; figures are computed batch by batch, one after the other.

CREATE TABLE fature.import_job (
    import_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL,
    service_name text,
    import_key text NOT NULL,
    actor text NOT NULL,
    format text NOT NULL CHECK (format IN ('ndjson', 'csv')),
    status text NOT NULL DEFAULT 'receiving' CHECK (status IN ('receiving', 'counting', 'done')),
    -- Rows that were read, accepted or not, and the digest of their text.
    row_count bigint NOT NULL DEFAULT 0,
    digest bytea,
    accepted bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    counted bigint NOT NULL DEFAULT 0,
    metric_names text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    CONSTRAINT import_job_key UNIQUE NULLS NOT DISTINCT (tenant, service_name, import_key)
);
CREATE INDEX import_job_by_tenant ON fature.import_job (tenant, import_id DESC);
COMMENT ON TABLE fature.import_job IS 'Imports of history, and how far each came; kept for ever.';

CREATE TABLE fature.import_batch (
    batch_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    import_id integer NOT NULL REFERENCES fature.import_job,
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'closed', 'counted')),
    -- The frequency whose figures are computed, and from when on.
    at_frequency text,
    at_ts timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX import_batch_uncounted ON fature.import_batch (batch_id) WHERE status <> 'counted';
CREATE INDEX import_batch_by_import ON fature.import_batch (import_id);
COMMENT ON TABLE fature.import_batch IS 'What one request of an import brought.';

CREATE TABLE fature.import_extent (
    batch_id integer NOT NULL REFERENCES fature.import_batch,
    frequency text NOT NULL CHECK (frequency IN ('real_time', 'hourly', 'daily', 'monthly')),
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    number bigint NOT NULL,
    PRIMARY KEY (batch_id, frequency)
);
COMMENT ON TABLE fature.import_extent IS
'The first and last instant and the number of the imported samples of a batch.';

CREATE TABLE fature.import_rejection (
    import_id integer NOT NULL REFERENCES fature.import_job,
    line bigint NOT NULL,
    place integer NOT NULL,
    field text,
    reason_message jsonb NOT NULL,
    PRIMARY KEY (import_id, line, place)
);
COMMENT ON TABLE fature.import_rejection IS 'Rows of imports that were rejected, and why.';

-- Figures whose samples are gone, as they were before the first import into their bucket.
-- None on the plain engine.
CREATE TABLE fature.imported_base (
    frequency text NOT NULL,
    level text NOT NULL,
    bucket timestamptz NOT NULL,
    series_id integer NOT NULL,
    sum_value numeric,
    sample_count bigint NOT NULL,
    min_value double precision,
    max_value double precision,
    first_value double precision,
    last_value double precision,
    PRIMARY KEY (series_id, level, bucket)
);
COMMENT ON TABLE fature.imported_base IS
'Buckets of rollups as they were before history was imported into them.';
