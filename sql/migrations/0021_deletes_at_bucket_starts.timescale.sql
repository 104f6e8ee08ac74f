-- What holds for late samples (0006) holds for those that are deleted: where a transaction deletes up
-- to an instant that is exactly the start of a day, the last bucket of rollups with a time zone
-- would keep what was deleted (https://github.com/timescale/timescaledb/issues/10296).

CREATE OR REPLACE FUNCTION fature.write_after_bucket_start()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
    -- The hypertable and its time column; the trigger itself runs on each of its chunks.
    target CONSTANT text := tg_argv[0];
    time_column CONSTANT text := tg_argv[1];
    -- The last one of this transaction in this chunk: nothing before it matters.
    written CONSTANT text := format('fature.last_bucket_start_%s', tg_relid);
    last CONSTANT text := current_setting(written, true);
    bucket_start timestamptz;
    after_start timestamptz;
BEGIN
    IF tg_op = 'DELETE' AND time_column = 'ts' THEN
        bucket_start := old.ts;
    ELSIF tg_op = 'DELETE' THEN
        bucket_start := old.bucket;
    ELSIF time_column = 'ts' THEN
        bucket_start := new.ts;
    ELSE
        bucket_start := new.bucket;
    END IF;
    IF last <> '' AND bucket_start <= last::timestamptz THEN
        RETURN NULL;
    END IF;
    after_start := bucket_start + interval '1 microsecond';
    -- Series 0 does not exist, and no other transaction ever sees this row.
    IF time_column = 'ts' THEN
        EXECUTE format('INSERT INTO %s (ts, id, series_id, value) VALUES ($1, 0, 0, 0)', target)
        USING after_start;
    ELSE
        EXECUTE format('INSERT INTO %s (bucket, series_id) VALUES ($1, 0)', target)
        USING after_start;
    END IF;
    EXECUTE format('DELETE FROM %s WHERE series_id = 0 AND %I = $1', target, time_column)
    USING after_start;
    PERFORM set_config(written, bucket_start::text, true);
    RETURN NULL;
END
$$;

-- On everything that a rollup with a time zone is computed from.
DO $$
DECLARE
    business_timezone CONSTANT text := (SELECT timezone FROM fature.installation);
    source record;
BEGIN
    FOR source IN
        SELECT 'fature.sample_daily' AS relation, 'ts' AS time_column
        UNION ALL
        SELECT 'fature.sample_monthly', 'ts'
        UNION ALL
        SELECT
            format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name),
            'bucket'
        FROM timescaledb_information.continuous_aggregates
        WHERE view_schema = 'fature' AND view_name ~ '_(hour|day)$'
    LOOP
        EXECUTE format(
            'CREATE TRIGGER delete_at_bucket_start AFTER DELETE ON %1$s '
            'FOR EACH ROW WHEN ('
            'old.series_id <> 0 AND old.%2$I = date_trunc(''day'', old.%2$I, %3$L)'
            ') EXECUTE FUNCTION fature.write_after_bucket_start(%1$L, %2$L)',
            source.relation, source.time_column, business_timezone
        );
    END LOOP;
END
$$;
