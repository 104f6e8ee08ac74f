-- Samples as ordinary tables, one per frequency.

CREATE TABLE fature.sample_real_time (
    ts timestamptz NOT NULL,
    id bigint NOT NULL,
    series_id integer NOT NULL,
    value double precision NOT NULL,
    metadata jsonb
);
CREATE INDEX sample_real_time_by_time ON fature.sample_real_time (ts DESC);
CREATE INDEX sample_real_time_by_series ON fature.sample_real_time (series_id, ts DESC, id DESC)
INCLUDE (value);
CREATE INDEX sample_real_time_by_id ON fature.sample_real_time USING brin (id);
COMMENT ON TABLE fature.sample_real_time IS 'Samples of frequency real_time, as submitted.';

CREATE TABLE fature.sample_hourly (
    ts timestamptz NOT NULL,
    id bigint NOT NULL,
    series_id integer NOT NULL,
    value double precision NOT NULL,
    metadata jsonb
);
CREATE INDEX sample_hourly_by_time ON fature.sample_hourly (ts DESC);
CREATE INDEX sample_hourly_by_series ON fature.sample_hourly (series_id, ts DESC, id DESC)
INCLUDE (value);
CREATE INDEX sample_hourly_by_id ON fature.sample_hourly USING brin (id);
COMMENT ON TABLE fature.sample_hourly IS 'Samples of frequency hourly, as submitted.';

CREATE TABLE fature.sample_daily (
    ts timestamptz NOT NULL,
    id bigint NOT NULL,
    series_id integer NOT NULL,
    value double precision NOT NULL,
    metadata jsonb
);
CREATE INDEX sample_daily_by_time ON fature.sample_daily (ts DESC);
CREATE INDEX sample_daily_by_series ON fature.sample_daily (series_id, ts DESC, id DESC)
INCLUDE (value);
CREATE INDEX sample_daily_by_id ON fature.sample_daily USING brin (id);
COMMENT ON TABLE fature.sample_daily IS 'Samples of frequency daily, as submitted.';

CREATE TABLE fature.sample_monthly (
    ts timestamptz NOT NULL,
    id bigint NOT NULL,
    series_id integer NOT NULL,
    value double precision NOT NULL,
    metadata jsonb
);
CREATE INDEX sample_monthly_by_time ON fature.sample_monthly (ts DESC);
CREATE INDEX sample_monthly_by_series ON fature.sample_monthly (series_id, ts DESC, id DESC)
INCLUDE (value);
CREATE INDEX sample_monthly_by_id ON fature.sample_monthly USING brin (id);
COMMENT ON TABLE fature.sample_monthly IS 'Samples of frequency monthly, as submitted.';

CREATE TABLE fature.service_health (
    ts timestamptz NOT NULL DEFAULT now(),
    tenant text NOT NULL DEFAULT 'default',
    service_name text NOT NULL,
    status text NOT NULL CHECK (status IN ('healthy', 'degraded', 'unhealthy')),
    response_time_ms double precision,
    error_rate double precision,
    cpu_usage double precision,
    memory_usage double precision,
    version text,
    uptime_seconds double precision,
    metadata jsonb
);
CREATE INDEX service_health_by_service ON fature.service_health (tenant, service_name, ts DESC);
COMMENT ON TABLE fature.service_health IS 'Health reports of the platform''s services.';
CREATE INDEX service_health_by_time ON fature.service_health (ts DESC);
