-- What sessions of readers begin with here: the views by their bare names, the business time zone,
-- a limit to temporary files. Roles that `make analyst` made before get it, too; what somebody set
-- stays. Where the migrating role may not set it (temp_file_limit is a superuser's), it is left out.

DO $$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        WITH reader AS (
            SELECT
                r.oid,
                r.rolname
            FROM pg_catalog.pg_roles AS r
            WHERE
                r.rolname IN ('fature_analyst', 'fature_tenant_analyst', 'fature_grafana')
                OR EXISTS (
                    SELECT FROM pg_catalog.pg_auth_members AS m
                    WHERE
                        m.member = r.oid
                        AND m.roleid IN (
                            to_regrole('fature_analyst'), to_regrole('fature_tenant_analyst')
                        )
                )
                AND NOT r.rolsuper AND NOT pg_has_role(r.oid, 'fature_app', 'MEMBER')
        ),

        wanted AS (
            SELECT
                'search_path' AS setting,
                'analytics, public' AS words,
                0::oid AS database
            UNION ALL
            SELECT 'temp_file_limit', quote_literal('2GB'), 0::oid
            UNION ALL
            SELECT 'TimeZone', quote_literal(i.timezone), d.oid
            FROM fature.installation AS i
            INNER JOIN pg_catalog.pg_database AS d ON d.datname = current_database()
        )

        SELECT
            format(
                'ALTER ROLE %I %s SET %s TO %s', reader.rolname,
                CASE WHEN w.database <> 0 THEN format('IN DATABASE %I', current_database()) END,
                w.setting, w.words
            )
        FROM reader
        CROSS JOIN wanted AS w
        LEFT JOIN pg_catalog.pg_db_role_setting AS s
            ON reader.oid = s.setrole AND w.database = s.setdatabase
        WHERE NOT EXISTS (
            SELECT FROM unnest(s.setconfig) AS c (entry)
            WHERE starts_with(lower(c.entry), lower(w.setting) || '=')
        )
    LOOP
        BEGIN
            EXECUTE statement;
        EXCEPTION
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'an administrator may run: %', statement;
            WHEN internal_error THEN
                -- Another database does the same at this moment.
                IF sqlerrm NOT LIKE 'tuple concurrently %' THEN
                    RAISE;
                END IF;
        END;
    END LOOP;
END
$$;
