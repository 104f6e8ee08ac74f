-- The oldest bucket of what a rollup has materialised, which no constant query can ask for: the
-- name of that hypertable is TimescaleDB's choice.

CREATE OR REPLACE FUNCTION fature.oldest_bucket(hypertable regclass)
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    oldest timestamptz;
BEGIN
    -- One look into the index of the oldest chunk that has any.
    EXECUTE format('SELECT min(bucket) FROM %s', hypertable) INTO oldest;
    RETURN oldest;
END
$$;
COMMENT ON FUNCTION fature.oldest_bucket IS
'The oldest bucket in the hypertable of a rollup; NULL where it is empty.';
