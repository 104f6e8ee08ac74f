-- As before, views of what was submitted alone.
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
        EXECUTE format(
            'CREATE OR REPLACE VIEW fature.rollup_%1$s_%2$s AS '
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

DROP FUNCTION IF EXISTS fature.count_imported;
DROP FUNCTION IF EXISTS fature.keep_imported_base;
DROP FUNCTION IF EXISTS fature.imported_since;
DROP FUNCTION IF EXISTS fature.bucket_start;
DROP TABLE fature.imported_monthly;
DROP TABLE fature.imported_daily;
DROP TABLE fature.imported_hourly;
DROP TABLE fature.imported_real_time;
