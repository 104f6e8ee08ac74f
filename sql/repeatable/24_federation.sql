-- What a hub reads of this installation, through postgres_fdw: views of their own, so that tables may
-- change. Columns are only ever added, at the end: a hub may be a version older or newer.

CREATE SCHEMA IF NOT EXISTS federation;
COMMENT ON SCHEMA federation IS 'What a hub reads of this installation; see docs/federation.md.';

CREATE OR REPLACE VIEW federation.installation AS
SELECT
    i.engine,
    i.timezone,
    (SELECT c.system_identifier FROM pg_control_system() AS c)
    || '/'
    || (
        SELECT d.oid FROM pg_catalog.pg_database AS d
        WHERE d.datname = current_database()
    ) AS installation_id,
    1 AS interface,
    (
        SELECT max(m.version) FROM fature.migration AS m
        WHERE m.version ~ '^\d{4}_'
    ) AS version
FROM fature.installation AS i;
COMMENT ON VIEW federation.installation IS
'This installation: its cluster and database, the interface of these views, its newest migration.';

CREATE OR REPLACE VIEW federation.series AS
SELECT
    series_id,
    tenant,
    metric_name,
    metric_type,
    unit,
    frequency,
    service_name,
    affiliate_id,
    region,
    dimensions
FROM fature.series;
COMMENT ON VIEW federation.series IS 'The series, with their labels.';

-- Subqueries, so that samples are looked up where that is asked for: four in an index for each series.
CREATE OR REPLACE VIEW federation.series_span AS
SELECT
    s.series_id,
    s.tenant,
    s.metric_name,
    s.service_name,
    CASE s.frequency
        WHEN 'real_time'
            THEN least(
                (
                    SELECT min(x.ts) FROM fature.sample_real_time AS x
                    WHERE x.series_id = s.series_id
                ),
                (
                    SELECT min(x.ts) FROM fature.imported_real_time AS x
                    WHERE x.series_id = s.series_id
                )
            )
        WHEN 'hourly'
            THEN least(
                (
                    SELECT min(x.ts) FROM fature.sample_hourly AS x
                    WHERE x.series_id = s.series_id
                ),
                (
                    SELECT min(x.ts) FROM fature.imported_hourly AS x
                    WHERE x.series_id = s.series_id
                )
            )
        WHEN 'daily'
            THEN least(
                (
                    SELECT min(x.ts) FROM fature.sample_daily AS x
                    WHERE x.series_id = s.series_id
                ),
                (
                    SELECT min(x.ts) FROM fature.imported_daily AS x
                    WHERE x.series_id = s.series_id
                )
            )
        ELSE least(
            (
                SELECT min(x.ts) FROM fature.sample_monthly AS x
                WHERE x.series_id = s.series_id
            ),
            (
                SELECT min(x.ts) FROM fature.imported_monthly AS x
                WHERE x.series_id = s.series_id
            )
        )
    END AS first_sample,
    CASE s.frequency
        WHEN 'real_time'
            THEN greatest(
                (
                    SELECT max(x.ts) FROM fature.sample_real_time AS x
                    WHERE x.series_id = s.series_id
                ),
                (
                    SELECT max(x.ts) FROM fature.imported_real_time AS x
                    WHERE x.series_id = s.series_id
                )
            )
        WHEN 'hourly'
            THEN greatest(
                (
                    SELECT max(x.ts) FROM fature.sample_hourly AS x
                    WHERE x.series_id = s.series_id
                ),
                (
                    SELECT max(x.ts) FROM fature.imported_hourly AS x
                    WHERE x.series_id = s.series_id
                )
            )
        WHEN 'daily'
            THEN greatest(
                (
                    SELECT max(x.ts) FROM fature.sample_daily AS x
                    WHERE x.series_id = s.series_id
                ),
                (
                    SELECT max(x.ts) FROM fature.imported_daily AS x
                    WHERE x.series_id = s.series_id
                )
            )
        ELSE greatest(
            (
                SELECT max(x.ts) FROM fature.sample_monthly AS x
                WHERE x.series_id = s.series_id
            ),
            (
                SELECT max(x.ts) FROM fature.imported_monthly AS x
                WHERE x.series_id = s.series_id
            )
        )
    END AS last_sample
FROM fature.series AS s;
COMMENT ON VIEW federation.series_span IS 'The first and last sample of each series that is kept.';

CREATE OR REPLACE VIEW federation.catalog AS
SELECT
    m.tenant,
    m.metric_name,
    m.metric_type,
    m.unit,
    m.units,
    m.kind,
    m.default_aggregation,
    m.frequency,
    m.description,
    m.dimensions
FROM fature.metric AS m;
COMMENT ON VIEW federation.catalog IS 'The catalogue.';

-- TimescaleDB tells a watermark to those alone who may read the rollup itself.
CREATE OR REPLACE FUNCTION federation.rollup_watermarks()
RETURNS TABLE (relation text, watermark timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT w.relation, w.watermark FROM fature.rollup_watermark AS w $$;
COMMENT ON FUNCTION federation.rollup_watermarks IS 'Up to where each rollup is materialised.';

CREATE OR REPLACE VIEW federation.rollup_watermark AS
SELECT
    relation,
    watermark
FROM federation.rollup_watermarks();
COMMENT ON VIEW federation.rollup_watermark IS 'Up to where each rollup is materialised.';

DO $$
DECLARE
    rollup text;
BEGIN
    FOR rollup IN
        SELECT c.relname
        FROM pg_catalog.pg_class AS c
        WHERE
            c.relnamespace = 'fature'::regnamespace AND c.relkind = 'v'
            AND c.relname ~ '^rollup_(real_time|hourly|daily|monthly)_(minute|hour|day|week|month)$'
    LOOP
        EXECUTE format(
            'CREATE OR REPLACE VIEW federation.%1$I AS '
            'SELECT bucket, series_id, sum_value, sample_count, min_value, max_value, '
            'first_value, last_value FROM fature.%1$I',
            rollup
        );
        EXECUTE format(
            'COMMENT ON VIEW federation.%I IS %L', rollup, 'Buckets of fature.' || rollup || '.'
        );
    END LOOP;
END
$$;
