-- As the owner: the application itself deletes neither voids nor rollups. Only series of metrics that
-- were removed, whoever asks.

CREATE OR REPLACE FUNCTION fature.delete_series(series integer[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    removed CONSTANT integer[] := ARRAY(
        SELECT s.series_id
        FROM fature.series AS s
        WHERE s.series_id = ANY(series) AND s.tenant = '(removed)'
    );
    relation text;
    deleted bigint;
    total bigint := 0;
BEGIN
    PERFORM set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true);
    FOR relation IN
        SELECT c.relname
        FROM pg_class AS c
        WHERE
            c.relnamespace = 'fature'::regnamespace AND c.relkind = 'r'
            AND c.relname ~ '^(sample|imported)_(real_time|hourly|daily|monthly)$'
    LOOP
        EXECUTE format('DELETE FROM fature.%I WHERE series_id = ANY($1)', relation) USING removed;
        GET DIAGNOSTICS deleted = ROW_COUNT;
        total := total + deleted;
    END LOOP;
    PERFORM fature.delete_rollups(removed);
    DELETE FROM fature.imported_base WHERE series_id = ANY(removed);
    DELETE FROM fature.void WHERE series_id = ANY(removed);
    DELETE FROM fature.merged_series WHERE into_id = ANY(removed);
    DELETE FROM fature.series WHERE series_id = ANY(removed);
    RETURN total;
END
$$;
COMMENT ON FUNCTION fature.delete_series IS
'Deletes series of removed metrics with everything of them; how many samples that were.';
