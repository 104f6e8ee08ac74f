-- TimescaleDB remembers the first and last instant that a transaction wrote, and refreshes
-- the buckets between. Where buckets have a time zone and the last instant is exactly the
-- start of one, it leaves that last bucket out: late samples at midnight would never count
-- (https://github.com/timescale/timescaledb/issues/10296). So whoever writes to the start of
-- a day also writes, and takes back, a row one microsecond later. A refresh writes to its
-- rollup in the same way, which the rollups above it are refreshed from.

CREATE FUNCTION fature.write_after_bucket_start()
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
    IF time_column = 'ts' THEN
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
COMMENT ON FUNCTION fature.write_after_bucket_start IS
'Makes TimescaleDB refresh the last bucket too where writing ends exactly on its start.';

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
            'CREATE TRIGGER write_after_bucket_start AFTER INSERT OR UPDATE ON %1$s '
            'FOR EACH ROW WHEN ('
            'new.series_id <> 0 AND new.%2$I = date_trunc(''day'', new.%2$I, %3$L)'
            ') EXECUTE FUNCTION fature.write_after_bucket_start(%1$L, %2$L)',
            source.relation, source.time_column, business_timezone
        );
    END LOOP;
END
$$;
