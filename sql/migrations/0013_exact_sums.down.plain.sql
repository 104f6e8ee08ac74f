DO $$
DECLARE
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
            'sum(value) AS sum_value, '
            'count(*) AS sample_count, '
            'min(value) AS min_value, '
            'max(value) AS max_value, '
            '(array_agg(value ORDER BY ts, id))[1] AS first_value, '
            '(array_agg(value ORDER BY ts DESC, id DESC))[1] AS last_value '
            'FROM fature.sample_%1$s '
            'GROUP BY 1, 2',
            rollup.frequency, rollup.level, rollup.timezone
        );
        EXECUTE format(
            'COMMENT ON VIEW fature.rollup_%1$s_%2$s IS %3$L',
            rollup.frequency, rollup.level,
            format('Samples of frequency %s per %s.', rollup.frequency, rollup.level)
        );
    END LOOP;
END
$$;

DROP FUNCTION fature.nearest_double;
