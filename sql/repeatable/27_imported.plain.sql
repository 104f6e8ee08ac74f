-- Every figure is computed from samples, imported ones as well: they count at once.

CREATE OR REPLACE FUNCTION fature.count_imported(
    frequency text,
    batch integer,
    since timestamptz,
    before timestamptz,
    voided_series integer[] DEFAULT '{}',
    voided_at timestamptz[] DEFAULT '{}'
) RETURNS void
LANGUAGE sql
RETURN NULL;
COMMENT ON FUNCTION fature.count_imported IS
'Counts imported samples of a frequency from one instant to before another into its rollups.';

CREATE OR REPLACE FUNCTION fature.keep_imported_base(
    frequency text, batch integer, series integer[], since timestamptz, before timestamptz
) RETURNS void
LANGUAGE sql
RETURN NULL;
COMMENT ON FUNCTION fature.keep_imported_base IS
'Keeps what rollups have beside imported samples, as it is before these change.';

CREATE OR REPLACE FUNCTION fature.imported_since(frequency text) RETURNS timestamptz
LANGUAGE sql
RETURN NULL::timestamptz;
COMMENT ON FUNCTION fature.imported_since IS
'Since when imported samples of a frequency can be corrected; NULL: ever.';

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
