-- name: server_major
-- Of the server, not of the client's library.
SELECT current_setting('server_version_num')::integer / 10000 AS major;

-- name: objects_in_the_way
-- Schemas and relations that belong to somebody: a restore needs a database without any.
SELECT n.nspname AS name
FROM pg_namespace AS n
WHERE
    n.nspname !~ '^(pg_.*|information_schema|public|_?timescaledb_.*|toolkit_experimental)$'
UNION ALL
SELECT format('public.%I', c.relname)
FROM pg_class AS c
WHERE
    c.relnamespace = to_regnamespace('public')
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('e', 'i', 'a')
    );

-- name: who_restores
-- The role that logged in, and whether it may write TimescaleDB's own tables.
SELECT
    r.rolname::text AS name,
    r.rolsuper AS is_superuser
FROM pg_roles AS r
WHERE r.rolname = current_user;

-- name: timescaledb_versions
-- Those this server has; `installed` is the one this database uses already.
SELECT
    version,
    installed
FROM pg_available_extension_versions
WHERE name = 'timescaledb';

-- name: create_timescaledb_version
-- Of the version that the backup was made with.
CREATE EXTENSION IF NOT EXISTS timescaledb VERSION {version};

-- name: begin_restore
-- From now on TimescaleDB lets its own tables be written, and its jobs rest.
SELECT timescaledb_pre_restore();

-- name: end_restore
-- TimescaleDB works again, and its scheduler begins.
SELECT timescaledb_post_restore();

-- name: hold_jobs
-- In the transaction of end_restore: the scheduler waits for its end, and finds them held.
-- Those below 1000 are TimescaleDB's own.
SELECT alter_job(job_id, scheduled => FALSE) IS NOT NULL AS held
FROM timescaledb_information.jobs
WHERE scheduled AND job_id >= 1000;

-- name: release_jobs
-- What was held since the restore.
SELECT alter_job(job_id, scheduled => TRUE) IS NOT NULL AS released
FROM timescaledb_information.jobs
WHERE NOT scheduled AND job_id >= 1000;

-- name: renew_statistics
-- A backup has none.
ANALYZE;

-- name: restored_samples
-- What to compare with what is known from before.
SELECT
    count(*) AS samples,
    max(ts) AS newest
FROM {samples};
