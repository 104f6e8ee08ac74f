-- What each role may do, in every database anew. Runs after everything else, so that new
-- tables and views are covered without another line.

GRANT USAGE ON SCHEMA fature, analytics TO fature_app;
GRANT SELECT ON ALL TABLES IN SCHEMA fature, analytics TO fature_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA fature TO fature_app;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA fature TO fature_app;

-- The application writes tables, never rollups. Some are the owner's alone, and the audit
-- log and the voids only grow.
DO $$
DECLARE
    relation regclass;
    grows text;
BEGIN
    FOR relation IN
        SELECT oid
        FROM pg_catalog.pg_class
        WHERE
            relnamespace = 'fature'::regnamespace AND relkind IN ('r', 'p')
            AND relname NOT IN (
                'installation', 'migration', 'samples_dropped', 'analyst_tenant', 'audit_log',
                'void', 'member'
            )
    LOOP
        EXECUTE format('GRANT INSERT, UPDATE, DELETE ON %s TO fature_app', relation);
    END LOOP;
    FOREACH grows IN ARRAY ARRAY['fature.audit_log', 'fature.void'] LOOP
        relation := to_regclass(grows);
        CONTINUE WHEN relation IS NULL;
        EXECUTE format('GRANT INSERT ON %s TO fature_app', relation);
        -- Voids once could be changed.
        EXECUTE format('REVOKE UPDATE, DELETE ON %s FROM fature_app', relation);
    END LOOP;
END
$$;

-- Readers see the views of schema analytics and nothing else.
GRANT USAGE ON SCHEMA analytics TO fature_analyst, fature_grafana, fature_tenant_analyst;
GRANT SELECT ON ALL TABLES IN SCHEMA analytics
TO fature_analyst, fature_grafana, fature_tenant_analyst;
-- analytics.catalog calls it. By itself it cannot be named, for want of the schema.
GRANT EXECUTE ON FUNCTION fature.dimensions_of
TO fature_analyst, fature_grafana, fature_tenant_analyst;

-- Hubs see the views of schema federation and nothing else.
GRANT USAGE ON SCHEMA federation TO fature_hub;
GRANT SELECT ON ALL TABLES IN SCHEMA federation TO fature_hub;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA federation TO fature_hub;
