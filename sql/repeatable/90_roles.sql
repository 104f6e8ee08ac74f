-- The roles, which all databases of a cluster share: fature_app serves, fature_analyst and
-- fature_grafana read every tenant, fature_tenant_analyst those of fature.analyst_tenant; fature_hub
-- reads what a hub over this installation does.
-- The owner is whoever migrates. What is there stays as it is, so that an administrator may
-- make the roles beforehand and choose other limits. Settings of a role count where it logs
-- in itself: `make analyst` copies them to the log-in roles it makes.

DO $$
DECLARE
    missing text[];
    statement text;
BEGIN
    -- Another database may migrate at the same time: what it was faster with is looked at anew.
    FOR attempt IN 1..20 LOOP
        SELECT array_agg(s.statement ORDER BY s.step, s.statement) INTO missing
        FROM (
            SELECT 1 AS step, format('CREATE ROLE %I', w.role_name) AS statement
            FROM (
                VALUES ('fature_app'), ('fature_analyst'), ('fature_grafana'),
                ('fature_tenant_analyst'), ('fature_hub')
            ) AS w (role_name)
            WHERE to_regrole(w.role_name) IS NULL
            UNION ALL
            SELECT 2, format('ALTER ROLE %I CONNECTION LIMIT %s', w.role_name, w.connections)
            FROM (
                VALUES ('fature_analyst', 5), ('fature_grafana', 20), ('fature_tenant_analyst', 5)
            ) AS w (role_name, connections)
            LEFT JOIN pg_catalog.pg_roles AS r ON w.role_name = r.rolname
            WHERE coalesce(r.rolconnlimit, -1) = -1
            UNION ALL
            SELECT 3, format('ALTER ROLE %I SET %s = %L', w.role_name, w.setting, w.value)
            FROM (
                VALUES ('fature_analyst', 'default_transaction_read_only', 'on'),
                ('fature_analyst', 'statement_timeout', '60s'),
                ('fature_analyst', 'idle_in_transaction_session_timeout', '5min'),
                ('fature_tenant_analyst', 'default_transaction_read_only', 'on'),
                ('fature_tenant_analyst', 'statement_timeout', '60s'),
                ('fature_tenant_analyst', 'idle_in_transaction_session_timeout', '5min'),
                ('fature_grafana', 'default_transaction_read_only', 'on'),
                ('fature_grafana', 'statement_timeout', '30s'),
                ('fature_grafana', 'idle_in_transaction_session_timeout', '1min')
            ) AS w (role_name, setting, value)
            LEFT JOIN pg_catalog.pg_roles AS r ON w.role_name = r.rolname
            WHERE NOT EXISTS (
                SELECT FROM unnest(r.rolconfig) AS c (entry)
                WHERE starts_with(c.entry, w.setting || '=')
            )
            UNION ALL
            -- So that the owner can serve as fature_app. set_option came with PostgreSQL 16.
            SELECT 4, format('GRANT fature_app TO %I', r.rolname)
            FROM pg_catalog.pg_roles AS r
            WHERE r.rolname = current_user AND NOT r.rolsuper AND NOT EXISTS (
                SELECT FROM pg_catalog.pg_auth_members AS m
                WHERE
                    m.roleid = to_regrole('fature_app') AND m.member = r.oid
                    AND coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)
            )
        ) AS s;
        EXIT WHEN missing IS NULL;

        FOREACH statement IN ARRAY missing LOOP
            BEGIN
                EXECUTE statement;
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN
                    NULL;
                WHEN internal_error THEN
                    IF sqlerrm NOT LIKE 'tuple concurrently %' THEN
                        RAISE;
                    END IF;
                WHEN insufficient_privilege OR invalid_grant_operation THEN
                    RAISE insufficient_privilege USING MESSAGE = format(
                        '%I may not make roles; an administrator has to run this once, then '
                        'migrate again: %s;', current_user, array_to_string(missing, '; ')
                    );
            END;
        END LOOP;
    END LOOP;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'roles are being changed elsewhere; migrate again';
    END IF;
END
$$;
