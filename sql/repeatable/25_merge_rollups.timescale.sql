-- What is materialised, also of samples that retention dropped long ago, goes over to the other
-- series. Where both have a bucket, the first and last value stay those of the other: where there
-- are samples, the next refresh computes both from them.

CREATE OR REPLACE FUNCTION fature.merge_rollups(source integer, target integer) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    materialised text;
BEGIN
    FOR materialised IN
        SELECT
            format('%I.%I', c.materialization_hypertable_schema, c.materialization_hypertable_name)
        FROM timescaledb_information.continuous_aggregates AS c
        WHERE c.view_schema = 'fature'
    LOOP
        EXECUTE format(
            'WITH gone AS ('
            '    DELETE FROM %1$s WHERE series_id = $1 RETURNING *'
            '), both_have AS ('
            '    UPDATE %1$s AS t SET'
            '        sum_value = trim_scale(t.sum_value + g.sum_value),'
            '        sample_count = t.sample_count + g.sample_count,'
            '        min_value = least(t.min_value, g.min_value),'
            '        max_value = greatest(t.max_value, g.max_value)'
            '    FROM gone AS g'
            '    WHERE t.series_id = $2 AND t.bucket = g.bucket'
            '    RETURNING t.bucket'
            ') '
            'INSERT INTO %1$s (bucket, series_id, sum_value, sample_count, min_value, max_value,'
            '    first_value, last_value) '
            'SELECT g.bucket, $2, g.sum_value, g.sample_count, g.min_value, g.max_value,'
            '    g.first_value, g.last_value '
            'FROM gone AS g '
            'WHERE g.bucket NOT IN (SELECT b.bucket FROM both_have AS b)',
            materialised
        ) USING source, target;
    END LOOP;
END
$$;
COMMENT ON FUNCTION fature.merge_rollups IS
'Adds what is materialised of a series to another.';
