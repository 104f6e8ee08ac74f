-- Whoever has no role of ours has nothing. What the migrating role does not own it cannot
-- revoke; PostgreSQL then warns and goes on.

REVOKE ALL ON SCHEMA fature, analytics, federation FROM public;
REVOKE ALL ON ALL TABLES IN SCHEMA fature, analytics, federation FROM public;
REVOKE ALL ON ALL ROUTINES IN SCHEMA fature, federation FROM public;

DO $$
DECLARE
    routine regprocedure;
    relation regclass;
BEGIN
    -- Without TEMPORARY there is no place where a reader could make a function.
    IF pg_has_role(
        (SELECT datdba FROM pg_catalog.pg_database WHERE datname = current_database()), 'USAGE'
    ) THEN
        EXECUTE format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM public', current_database());
        EXECUTE format(
            'GRANT CONNECT ON DATABASE %I '
            'TO fature_app, fature_analyst, fature_grafana, fature_tenant_analyst, fature_hub',
            current_database()
        );
    END IF;
    IF pg_has_role(
        (SELECT nspowner FROM pg_catalog.pg_namespace WHERE nspname = 'public'), 'USAGE'
    ) THEN
        REVOKE CREATE ON SCHEMA public FROM public;
    END IF;

    -- PostgreSQL lets everybody store large objects, write WAL, hold back vacuum for others, fill
    -- the queue of notifications and take advisory locks, such as that of the alert loop; and
    -- TimescaleDB lets everybody add jobs.
    FOR routine IN
        SELECT p.oid
        FROM pg_catalog.pg_proc AS p
        LEFT JOIN pg_catalog.pg_depend AS d
            ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
        LEFT JOIN pg_catalog.pg_extension AS e ON d.refobjid = e.oid
        WHERE
            (
                (
                    p.pronamespace = 'pg_catalog'::regnamespace
                    AND p.proname ~ '^(lo_(creat|create|from_bytea|put|unlink|truncate.*)|lowrite|pg_.*advisory.*|pg_logical_emit_message|pg_export_snapshot|pg_notify|pg_current_xact_id|txid_current)$'
                )
                OR (e.extname = 'timescaledb' AND p.proname = 'add_job')
            )
            AND pg_has_role(p.proowner, 'USAGE')
    LOOP
        EXECUTE format('REVOKE EXECUTE ON ROUTINE %s FROM public', routine);
        IF routine::text LIKE '%advisory%' THEN
            EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO fature_app', routine);
        END IF;
    END LOOP;

    -- Statistics of TimescaleDB tell how much is stored and what its jobs met. Monitoring keeps them.
    FOR relation IN
        SELECT c.oid
        FROM pg_catalog.pg_class AS c
        INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
        WHERE
            (
                n.nspname = 'timescaledb_information'
                AND c.relname ~ '^(job.*|chunks|.*_settings|stat_.*)$'
                OR n.nspname = '_timescaledb_internal'
                AND c.relname IN (
                    'bgw_job_stat', 'bgw_policy_chunk_stats', 'compressed_chunk_stats',
                    'hypertable_chunk_local_size'
                )
            )
            AND pg_has_role(c.relowner, 'USAGE')
    LOOP
        EXECUTE format('REVOKE SELECT ON %s FROM public', relation);
        EXECUTE format(
            'GRANT SELECT ON %s TO fature_app, pg_monitor, %I', relation,
            (
                SELECT pg_get_userbyid(d.datdba)
                FROM pg_catalog.pg_database AS d
                WHERE d.datname = current_database()
            )
        );
    END LOOP;
END
$$;
