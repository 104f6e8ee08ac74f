-- name: timescaledb_available
-- Whether this server has TimescaleDB's files.
SELECT default_version
FROM pg_available_extensions
WHERE name = 'timescaledb';

-- name: create_timescaledb
-- Only a member of the owner's privileges may; already there is fine.
CREATE EXTENSION IF NOT EXISTS timescaledb;

-- name: timescaledb_licence
-- timescale (community edition) or apache, and the version.
SELECT
    current_setting('timescaledb.license') AS licence,
    extversion
FROM pg_extension
WHERE extname = 'timescaledb';

-- name: offsets_of_zone
-- Where the offset of a zone from UTC, in seconds, changes as this server has it, to six hours. Fails
-- where it does not know the zone. Only days whose ends differ are looked into.
WITH day AS (
    SELECT
        d.day,
        extract(
            EPOCH FROM (d.day AT TIME ZONE %(timezone)s) - (d.day AT TIME ZONE 'UTC')
        )::integer AS seconds
    FROM
        generate_series(
            '2000-01-01 00:00:00+00'::timestamptz,
            '2038-01-01 00:00:00+00'::timestamptz,
            interval '1 day'
        ) AS d (day)
),

changing AS (
    SELECT
        d.day,
        d.before
    FROM (
        SELECT
            day.day,
            day.seconds,
            lag(day.day) OVER (ORDER BY day.day) AS before,
            lag(day.seconds) OVER (ORDER BY day.day) AS seconds_before
        FROM day
    ) AS d
    WHERE d.seconds <> d.seconds_before
)

SELECT
    c.instant,
    c.seconds
FROM (
    SELECT
        o.instant,
        o.seconds,
        lag(o.seconds) OVER (ORDER BY o.instant) AS before
    FROM (
        SELECT
            i.instant,
            extract(
                EPOCH FROM (i.instant AT TIME ZONE %(timezone)s) - (i.instant AT TIME ZONE 'UTC')
            )::integer AS seconds
        FROM (
            SELECT '2000-01-01 00:00:00+00'::timestamptz AS instant
            UNION
            SELECT
                generate_series(changing.before, changing.day, interval '6 hours')
            FROM changing
        ) AS i
        WHERE i.instant < '2038-01-01 00:00:00+00'::timestamptz
    ) AS o
) AS c
WHERE c.seconds IS DISTINCT FROM c.before
ORDER BY c.instant;

-- name: installation_exists
-- Whether the migrator has been here.
SELECT to_regclass('fature.installation') IS NOT NULL AS found;

-- name: installation
-- Engine and time zone this database was set up with.
SELECT
    engine,
    timezone
FROM fature.installation;

-- name: record_installation
-- Once, with the first migration.
INSERT INTO fature.installation (engine, timezone)
VALUES (%(engine)s, %(timezone)s)
ON CONFLICT DO NOTHING;

-- name: change_timezone
-- The zone whose days, weeks and months the rollups have from now on.
UPDATE fature.installation
SET timezone = %(timezone)s;

-- name: change_week_start
-- The day that weeks of views begin on; no row where that is the same.
UPDATE fature.installation
SET week_start = %(week_start)s
WHERE week_start <> %(week_start)s
RETURNING week_start;

-- name: forget_expected_weeks
-- What was expected of weeks that begin on another day.
DELETE FROM fature.expectation
WHERE period = 'week';

-- name: refresh_windows
-- How far each rollup that was made anew is to be refreshed, in order.
SELECT
    relation,
    start,
    stop
FROM refresh_window
ORDER BY place;

-- name: refresh_rollup
-- Outside a transaction; in one batch (timescaledb#10221).
CALL refresh_continuous_aggregate(
    %(relation)s, %(start)s, %(stop)s, options => '{"buckets_per_batch": 0}'
);

-- name: applied_migrations
-- What was applied, with the checksum it had then.
SELECT
    version,
    checksum,
    applied_at
FROM fature.migration
ORDER BY version;

-- name: record_migration
-- Once-only files keep their row; repeatable files renew it.
INSERT INTO fature.migration (version, checksum)
VALUES (%(version)s, %(checksum)s)
ON CONFLICT (version) DO UPDATE
    SET
        checksum = excluded.checksum,
        applied_at = now();

-- name: forget_migration
-- After a rollback.
DELETE FROM fature.migration
WHERE version = %(version)s;

-- name: drop_repeatable_objects
-- Views stand on the tables a rollback takes away; the next migrate brings them back.
DROP SCHEMA IF EXISTS analytics, federation CASCADE;
DROP VIEW IF EXISTS fature.rollup_watermark, fature.rollup_pending;
DROP VIEW IF EXISTS fature.own_week_real_time, fature.own_week_hourly, fature.own_week_daily;
DROP VIEW IF EXISTS fature.weeks;
DROP VIEW IF EXISTS fature.reader;

-- name: lock_migrations
-- Held by the session while it migrates; a second migrator waits here.
SELECT pg_advisory_lock(hashtextextended('fature.migration', 0));

-- name: unlock_migrations
-- So that a pooled session does not keep it.
SELECT pg_advisory_unlock(hashtextextended('fature.migration', 0));
