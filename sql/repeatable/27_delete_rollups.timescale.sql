-- Directly: where retention dropped the samples, no refresh would.

CREATE OR REPLACE FUNCTION fature.delete_rollups(series integer[]) RETURNS void
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
        EXECUTE format('DELETE FROM %s WHERE series_id = ANY($1)', materialised) USING series;
    END LOOP;
END
$$;
COMMENT ON FUNCTION fature.delete_rollups IS 'Deletes what is materialised of some series.';
