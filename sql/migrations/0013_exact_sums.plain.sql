-- Sums as exact decimals. A sum of doubles has errors that grow with their number and stand out
-- where values cancel: 1234567.89 less 1234560.00 was 7.88999999989755.

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
        )';
    rollup record;
BEGIN
    FOR rollup IN
        SELECT
            f.frequency,
            l.level,
            CASE WHEN l.level IN ('minute', 'hour') THEN 'UTC' ELSE :'timezone' END AS timezone
        FROM (
            VALUES ('real_time', 1), ('hourly', 2), ('daily', 3), ('monthly', 5)
        ) AS f (frequency, finest)
        INNER JOIN (
            VALUES ('minute', 1), ('hour', 2), ('day', 3), ('week', 4), ('month', 5)
        ) AS l (level, place)
            ON f.finest <= l.place
    LOOP
        EXECUTE format('DROP VIEW fature.rollup_%s_%s', rollup.frequency, rollup.level);
        EXECUTE format(
            'CREATE VIEW fature.rollup_%1$s_%2$s AS '
            'SELECT '
            'date_trunc(%2$L, ts, %3$L) AS bucket, '
            'series_id, '
            '%4$s AS sum_value, '
            'count(*) AS sample_count, '
            'min(value) AS min_value, '
            'max(value) AS max_value, '
            '(array_agg(value ORDER BY ts, id))[1] AS first_value, '
            '(array_agg(value ORDER BY ts DESC, id DESC))[1] AS last_value '
            'FROM fature.sample_%1$s '
            'GROUP BY 1, 2',
            rollup.frequency, rollup.level, rollup.timezone, exact_sum
        );
        EXECUTE format(
            'COMMENT ON VIEW fature.rollup_%1$s_%2$s IS %3$L',
            rollup.frequency, rollup.level,
            format('Samples of frequency %s per %s.', rollup.frequency, rollup.level)
        );
    END LOOP;
END
$$;
