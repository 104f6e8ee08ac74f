-- Whose figures this session may see. By session_user, which only a superuser can change:
-- neither SET ROLE nor any setting touches it. Views of schema analytics ask here, as their
-- owner, once per query.

CREATE OR REPLACE VIEW fature.reader AS
SELECT
    limited.tenants,
    limited.tenants IS NULL AND EXISTS (
        SELECT FROM pg_catalog.pg_roles AS r
        LEFT JOIN pg_catalog.pg_namespace AS n ON r.oid = n.nspowner AND n.nspname = 'fature'
        WHERE
            (
                r.rolname IN ('fature_app', 'fature_analyst', 'fature_grafana')
                OR n.nspname IS NOT NULL
            )
            AND pg_has_role(session_user, r.oid, 'MEMBER')
    ) AS sees_every_tenant
FROM (
    SELECT array_agg(tenant) AS tenants
    FROM fature.analyst_tenant
    WHERE role_name = session_user
) AS limited;
COMMENT ON VIEW fature.reader IS
'One row about who logged in: every tenant, only these tenants, or neither and so nothing.';
