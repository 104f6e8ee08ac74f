-- Whoever adds or corrects samples asks this in the transaction that does. A close waits for the
-- lock: it sees what was committed before, and whoever asks later sees the close.

CREATE OR REPLACE FUNCTION fature.closed_by(
    tenants text[], metric_types text[], oldest timestamptz[]
) RETURNS TABLE (place bigint, close_id integer, metric_type text, until date)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('fature.closes', 0));
    RETURN QUERY
    SELECT DISTINCT ON (k.place)
        k.place,
        c.close_id,
        c.metric_type,
        c.until
    FROM unnest(tenants, metric_types, oldest) WITH ORDINALITY AS k (tenant, metric_type, ts, place)
    INNER JOIN fature.period_close AS c
        ON k.tenant = c.tenant AND k.metric_type = c.metric_type AND k.ts < c.before
    ORDER BY k.place, c.before DESC;
END
$$;
COMMENT ON FUNCTION fature.closed_by IS
'The last close that each of some instants is in, if any; until the end of the transaction there are no others.';
