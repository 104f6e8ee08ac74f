-- name: administers
-- Whether this session owns the schema, or may make it where there is none.
SELECT
    coalesce(
        (
            SELECT pg_has_role(nspowner, 'USAGE')
            FROM pg_namespace
            WHERE nspname = 'fature'
        ),
        TRUE
    ) AS administers;

-- name: current_role_name
-- Whose rights this session has.
SELECT current_user::text AS role_name;

-- name: role_to_become_analyst
-- What is known of a role: whether make analyst may touch it, and the tenants it is limited to.
SELECT
    r.rolname = 'fature_grafana'
    OR EXISTS (
        SELECT FROM pg_auth_members AS m
        WHERE
            m.member = r.oid
            AND m.roleid IN (to_regrole('fature_analyst'), to_regrole('fature_tenant_analyst'))
    ) AS is_reader,
    r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls
    OR pg_has_role(r.oid, 'fature_app', 'MEMBER') AS may_more,
    EXISTS (SELECT FROM fature.analyst_tenant AS t WHERE t.role_name = r.rolname) AS is_limited
FROM pg_roles AS r
WHERE r.rolname = %(role)s;

-- name: limits_of_role
-- Settings (name=value) and connections that a log-in role takes over from its group.
SELECT
    coalesce(rolconfig, '{}') AS settings,
    rolconnlimit AS connections
FROM pg_roles
WHERE rolname = %(role)s;

-- name: lock_analysts
-- Two at once would each find the role missing.
SELECT pg_advisory_xact_lock(hashtextextended('fature.analysts', 0));

-- name: create_analyst
-- Cannot log in before it has its limits.
CREATE ROLE {role} NOLOGIN;

-- name: join_group
-- What it may read.
GRANT {groups} TO {role};

-- name: leave_group
-- What it may read no longer.
REVOKE {groups} FROM {role};

-- name: limit_analyst
-- How many connections it may have.
ALTER ROLE {role} CONNECTION LIMIT {connections};

-- name: set_of_analyst
-- What its sessions begin with.
ALTER ROLE {role} SET {setting} TO {value};

-- name: zone_of_analyst
-- What its sessions in this database begin with.
ALTER ROLE {role} IN DATABASE {database} SET TimeZone TO {zone};

-- name: end_overlong_reading
-- How many sessions of readers were ended, which may lift their own limits.
SELECT fature.end_overlong_reading() AS ended;

-- name: let_analyst_in
-- The password arrives as its SCRAM verifier, so that no log can show it.
ALTER ROLE {role} LOGIN PASSWORD {verifier};

-- name: forget_tenants_of_analyst
-- Before it is limited anew, or to nothing.
DELETE FROM fature.analyst_tenant
WHERE role_name = %(role)s;

-- name: limit_analyst_to_tenant
-- From now on it sees this tenant.
INSERT INTO fature.analyst_tenant (role_name, tenant)
VALUES (%(role)s, %(tenant)s);

-- name: tenant_to_see
-- Whether an analyst may be limited to it.
SELECT tenant
FROM fature.tenant
WHERE tenant = %(tenant)s;
