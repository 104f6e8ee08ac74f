-- Readers may set statement_timeout for themselves: the service calls this every few seconds, so that
-- what goes on for too long ends all the same.

CREATE OR REPLACE FUNCTION fature.end_overlong_reading(longest interval DEFAULT '2 minutes')
RETURNS integer
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid))
    FROM pg_stat_activity AS a
    WHERE
        a.datname = current_database()
        AND a.pid <> pg_backend_pid()
        AND EXISTS (
            SELECT FROM pg_roles AS r
            WHERE
                r.oid = a.usesysid AND NOT r.rolsuper
                AND NOT pg_has_role(r.oid, 'fature_app', 'MEMBER')
                AND (
                    r.rolname = 'fature_grafana'
                    OR pg_has_role(r.oid, 'fature_analyst', 'MEMBER')
                    OR pg_has_role(r.oid, 'fature_tenant_analyst', 'MEMBER')
                    OR pg_has_role(r.oid, 'fature_hub', 'MEMBER')
                )
        )
        AND (
            a.state = 'active' AND a.query_start < now() - longest
            OR a.xact_start < now() - 8 * longest
        )
$$;
COMMENT ON FUNCTION fature.end_overlong_reading IS
'Ends sessions of readers whose statement takes over 2 minutes or transaction over 16; how many.';
