-- What each role may do, in every database anew. Runs after everything else, so that new
-- tables and views are covered without another line.

GRANT USAGE ON SCHEMA fature, analytics TO fature_app;
GRANT SELECT ON ALL TABLES IN SCHEMA fature, analytics TO fature_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA fature TO fature_app;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA fature TO fature_app;

-- The application writes tables, never rollups. Some are the owner's alone, and the audit
-- log only grows.
DO $$
DECLARE
    relation regclass;
BEGIN
    FOR relation IN
        SELECT oid
        FROM pg_catalog.pg_class
        WHERE
            relnamespace = 'fature'::regnamespace AND relkind IN ('r', 'p')
            AND relname NOT IN (
                'installation', 'migration', 'samples_dropped', 'analyst_tenant', 'audit_log'
            )
    LOOP
        EXECUTE format('GRANT INSERT, UPDATE, DELETE ON %s TO fature_app', relation);
    END LOOP;
    IF to_regclass('fature.audit_log') IS NOT NULL THEN
        GRANT INSERT ON fature.audit_log TO fature_app;
    END IF;
END
$$;

-- Readers see the views of schema analytics and nothing else.
GRANT USAGE ON SCHEMA analytics TO fature_analyst, fature_grafana, fature_tenant_analyst;
GRANT SELECT ON ALL TABLES IN SCHEMA analytics
TO fature_analyst, fature_grafana, fature_tenant_analyst;
