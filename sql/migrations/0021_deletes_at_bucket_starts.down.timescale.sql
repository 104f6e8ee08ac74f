DO $$
DECLARE
    source record;
BEGIN
    FOR source IN
        SELECT 'fature.sample_daily' AS relation
        UNION ALL
        SELECT 'fature.sample_monthly'
        UNION ALL
        SELECT
            format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)
        FROM timescaledb_information.continuous_aggregates
        WHERE view_schema = 'fature' AND view_name ~ '_(hour|day)$'
    LOOP
        EXECUTE format('DROP TRIGGER delete_at_bucket_start ON %s', source.relation);
    END LOOP;
END
$$;
