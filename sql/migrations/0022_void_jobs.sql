-- Voids of very many samples, which a process of the service works off batch by batch; each batch
-- notes in its own transaction how far it came, so that another goes on from there.

CREATE TABLE fature.void_job (
    job_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL,
    service_name text,
    metric_name text NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    -- By frequency, as PostgreSQL writes arrays.
    series jsonb NOT NULL,
    since timestamptz NOT NULL,
    before timestamptz NOT NULL,
    total bigint NOT NULL,
    total_value double precision,
    done bigint NOT NULL DEFAULT 0,
    status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'done')),
    -- The frequency that is worked off, and from when on.
    at_frequency text,
    at_ts timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
);
CREATE INDEX void_job_running ON fature.void_job (job_id) WHERE status = 'running';
COMMENT ON TABLE fature.void_job IS
'Voids of more samples than one transaction takes, and how far each came; kept for ever.';
