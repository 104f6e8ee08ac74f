-- The start of the bucket that an instant is in; `further` buckets later.
CREATE OR REPLACE FUNCTION fature.bucket_start(
    instant timestamptz, level text, further integer DEFAULT 0
) RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        (
            date_trunc(level, instant, z.zone) AT TIME ZONE z.zone
            + further * ('1 ' || level)::interval
        ) AT TIME ZONE z.zone
    FROM (
        SELECT
            CASE WHEN level IN ('minute', 'hour') THEN 'UTC' ELSE i.timezone END AS zone
        FROM fature.installation AS i
    ) AS z
$$;
COMMENT ON FUNCTION fature.bucket_start IS
'The start of the minute, hour, day, week or month that an instant is in, or of a later one.';
