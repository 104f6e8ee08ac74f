-- Sums as exact decimals. A sum of doubles has errors that grow with their number and stand out
-- where values cancel: 1234567.89 less 1234560.00 was 7.88999999989755. Rollups are made anew with
-- sums in numeric, and take over what was materialised: that of samples long dropped, too. Refresh
-- policies then compute what there are samples of again.

DROP VIEW IF EXISTS analytics.metric_minute;
DROP VIEW IF EXISTS analytics.metric_hour;
DROP VIEW IF EXISTS analytics.metric_day;
DROP VIEW IF EXISTS analytics.metric_week;
DROP VIEW IF EXISTS analytics.metric_month;

-- Sums of doubles can be larger than any double: as near as one gets.
CREATE FUNCTION fature.nearest_double(total numeric)
RETURNS double precision
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
RETURN CASE
    WHEN total > 1.7976931348623157e308 THEN 1.7976931348623157e308::double precision
    WHEN total < -1.7976931348623157e308 THEN -1.7976931348623157e308::double precision
    ELSE total::double precision
END;
COMMENT ON FUNCTION fature.nearest_double IS 'A sum as a double; too large ones as the largest.';

DO $$
DECLARE
    -- The sum of value::numeric, of each value the 15 digits that a double surely has. Casting is
    -- slow, so what has four decimals at most, as money has, is added up in ten-thousandths.
    exact_sum CONSTANT text := '
        trim_scale(
            coalesce(
                sum((value * 10000)::bigint) FILTER (
                    WHERE abs(value) < 1e11 AND round(value * 10000) / 10000 = value
                ),
                0
            ) * 0.0001
            + coalesce(
                sum(value::numeric) FILTER (
                    WHERE abs(value) >= 1e11 OR round(value * 10000) / 10000 <> value
                ),
                0
            )
        ) AS sum_value,
        count(*) AS sample_count,
        min(value) AS min_value,
        max(value) AS max_value,
        first(value, timestamptz_send(ts) || int8send(id)) AS first_value,
        last(value, timestamptz_send(ts) || int8send(id)) AS last_value';
    of_rollups CONSTANT text := '
        sum(sum_value) AS sum_value,
        sum(sample_count)::bigint AS sample_count,
        min(min_value) AS min_value,
        max(max_value) AS max_value,
        first(first_value, bucket) AS first_value,
        last(last_value, bucket) AS last_value';
    rollup record;
    kept record;
BEGIN
    FOR rollup IN
        SELECT *
        FROM (
            VALUES
            ('real_time', 'minute', NULL, 'time_bucket(''1 minute'', ts)'),
            ('real_time', 'hour', 'minute', 'time_bucket(''1 hour'', bucket)'),
            ('real_time', 'day', 'hour', 'time_bucket(''1 day'', bucket, %L)'),
            ('real_time', 'week', 'day', 'time_bucket(''1 week'', bucket, %L)'),
            ('real_time', 'month', 'day', 'time_bucket(''1 month'', bucket, %L)'),
            ('hourly', 'hour', NULL, 'time_bucket(''1 hour'', ts)'),
            ('hourly', 'day', 'hour', 'time_bucket(''1 day'', bucket, %L)'),
            ('hourly', 'week', 'day', 'time_bucket(''1 week'', bucket, %L)'),
            ('hourly', 'month', 'day', 'time_bucket(''1 month'', bucket, %L)'),
            ('daily', 'day', NULL, 'time_bucket(''1 day'', ts, %L)'),
            ('daily', 'week', 'day', 'time_bucket(''1 week'', bucket, %L)'),
            ('daily', 'month', 'day', 'time_bucket(''1 month'', bucket, %L)'),
            ('monthly', 'month', NULL, 'time_bucket(''1 month'', ts, %L)')
        ) AS r (frequency, level, below, bucket)
    LOOP
        EXECUTE format(
            'ALTER MATERIALIZED VIEW fature.rollup_%1$s_%2$s RENAME TO inexact_%1$s_%2$s',
            rollup.frequency, rollup.level
        );
        EXECUTE format(
            'CREATE MATERIALIZED VIEW fature.rollup_%s_%s '
            'WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS '
            'SELECT %s AS bucket, series_id, %s FROM fature.%I GROUP BY 1, 2 WITH NO DATA',
            rollup.frequency, rollup.level, format(rollup.bucket, :'timezone'),
            CASE WHEN rollup.below IS NULL THEN exact_sum ELSE of_rollups END,
            CASE
                WHEN rollup.below IS NULL THEN 'sample_' || rollup.frequency
                ELSE 'rollup_' || rollup.frequency || '_' || rollup.below
            END
        );
        EXECUTE format(
            'COMMENT ON VIEW fature.rollup_%s_%s IS %L', rollup.frequency, rollup.level,
            format('Samples of frequency %s per %s.', rollup.frequency, rollup.level)
        );
    END LOOP;

    FOR kept IN
        SELECT
            format('%I.%I', o.materialization_hypertable_schema, o.materialization_hypertable_name)
            AS source,
            format('%I.%I', n.materialization_hypertable_schema, n.materialization_hypertable_name)
            AS target
        FROM timescaledb_information.continuous_aggregates AS o
        INNER JOIN timescaledb_information.continuous_aggregates AS n
            ON replace(o.view_name, 'inexact_', 'rollup_') = n.view_name
        WHERE
            o.view_schema = 'fature' AND n.view_schema = 'fature'
            AND starts_with(o.view_name, 'inexact_')
    LOOP
        EXECUTE format(
            'INSERT INTO %s (bucket, series_id, sum_value, sample_count, min_value, max_value, '
            'first_value, last_value) '
            'SELECT bucket, series_id, sum_value::numeric, sample_count, min_value, max_value, '
            'first_value, last_value FROM %s',
            kept.target, kept.source
        );
    END LOOP;
END
$$;

DROP MATERIALIZED VIEW fature.inexact_real_time_week;
DROP MATERIALIZED VIEW fature.inexact_real_time_month;
DROP MATERIALIZED VIEW fature.inexact_hourly_week;
DROP MATERIALIZED VIEW fature.inexact_hourly_month;
DROP MATERIALIZED VIEW fature.inexact_daily_week;
DROP MATERIALIZED VIEW fature.inexact_daily_month;
DROP MATERIALIZED VIEW fature.inexact_monthly_month;
DROP MATERIALIZED VIEW fature.inexact_real_time_day;
DROP MATERIALIZED VIEW fature.inexact_hourly_day;
DROP MATERIALIZED VIEW fature.inexact_daily_day;
DROP MATERIALIZED VIEW fature.inexact_real_time_hour;
DROP MATERIALIZED VIEW fature.inexact_hourly_hour;
DROP MATERIALIZED VIEW fature.inexact_real_time_minute;

-- As before, on what rollups with a time zone are computed from.
DO $$
DECLARE
    source record;
BEGIN
    FOR source IN
        SELECT
            format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)
            AS relation
        FROM timescaledb_information.continuous_aggregates
        WHERE view_schema = 'fature' AND view_name ~ '_(hour|day)$'
    LOOP
        EXECUTE format(
            'CREATE TRIGGER write_after_bucket_start AFTER INSERT OR UPDATE ON %1$s '
            'FOR EACH ROW WHEN ('
            'new.series_id <> 0 AND new.bucket = date_trunc(''day'', new.bucket, %2$L)'
            ') EXECUTE FUNCTION fature.write_after_bucket_start(%1$L, ''bucket'')',
            source.relation, :'timezone'
        );
    END LOOP;
END
$$;
