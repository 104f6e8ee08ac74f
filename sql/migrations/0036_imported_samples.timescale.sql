-- Samples of imported history, older than those that are submitted: kept as long as there are figures
-- of days. Rollups are not computed from them; what they add is counted into them once.

CREATE TABLE fature.imported_real_time (
    ts timestamptz NOT NULL,
    id bigint NOT NULL,
    series_id integer NOT NULL,
    value double precision NOT NULL,
    metadata jsonb,
    batch_id integer NOT NULL
) WITH (
    timescaledb.hypertable,
    timescaledb.partition_column = 'ts',
    timescaledb.chunk_interval = '30 days',
    timescaledb.create_default_indexes = false,
    timescaledb.segmentby = 'series_id',
    timescaledb.orderby = 'ts DESC, id DESC'
);
CREATE INDEX imported_real_time_by_series ON fature.imported_real_time (series_id, ts DESC, id DESC);
CREATE INDEX imported_real_time_by_id ON fature.imported_real_time USING brin (id);
COMMENT ON TABLE fature.imported_real_time IS 'Imported samples of frequency real_time.';

CREATE TABLE fature.imported_hourly (
    ts timestamptz NOT NULL,
    id bigint NOT NULL,
    series_id integer NOT NULL,
    value double precision NOT NULL,
    metadata jsonb,
    batch_id integer NOT NULL
) WITH (
    timescaledb.hypertable,
    timescaledb.partition_column = 'ts',
    timescaledb.chunk_interval = '90 days',
    timescaledb.create_default_indexes = false,
    timescaledb.segmentby = 'series_id',
    timescaledb.orderby = 'ts DESC, id DESC'
);
CREATE INDEX imported_hourly_by_series ON fature.imported_hourly (series_id, ts DESC, id DESC);
CREATE INDEX imported_hourly_by_id ON fature.imported_hourly USING brin (id);
COMMENT ON TABLE fature.imported_hourly IS 'Imported samples of frequency hourly.';

CREATE TABLE fature.imported_daily (
    ts timestamptz NOT NULL,
    id bigint NOT NULL,
    series_id integer NOT NULL,
    value double precision NOT NULL,
    metadata jsonb,
    batch_id integer NOT NULL
) WITH (
    timescaledb.hypertable,
    timescaledb.partition_column = 'ts',
    timescaledb.chunk_interval = '365 days',
    timescaledb.create_default_indexes = false,
    timescaledb.segmentby = 'series_id',
    timescaledb.orderby = 'ts DESC, id DESC'
);
CREATE INDEX imported_daily_by_series ON fature.imported_daily (series_id, ts DESC, id DESC);
CREATE INDEX imported_daily_by_id ON fature.imported_daily USING brin (id);
COMMENT ON TABLE fature.imported_daily IS 'Imported samples of frequency daily.';

CREATE TABLE fature.imported_monthly (
    ts timestamptz NOT NULL,
    id bigint NOT NULL,
    series_id integer NOT NULL,
    value double precision NOT NULL,
    metadata jsonb,
    batch_id integer NOT NULL
) WITH (
    timescaledb.hypertable,
    timescaledb.partition_column = 'ts',
    timescaledb.chunk_interval = '1825 days',
    timescaledb.create_default_indexes = false,
    timescaledb.segmentby = 'series_id',
    timescaledb.orderby = 'ts DESC, id DESC'
);
CREATE INDEX imported_monthly_by_series ON fature.imported_monthly (series_id, ts DESC, id DESC);
CREATE INDEX imported_monthly_by_id ON fature.imported_monthly USING brin (id);
COMMENT ON TABLE fature.imported_monthly IS 'Imported samples of frequency monthly.';
