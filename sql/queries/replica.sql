-- name: wal_position
-- How far this server has come, in bytes: what a primary has on disk, or a standby has replayed.
-- A standby that was promoted goes on in a timeline of its own.
SELECT
    pg_wal_lsn_diff(
        CASE
            WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
            ELSE pg_current_wal_flush_lsn()
        END,
        '0/0'
    )::bigint AS position,
    CASE
        WHEN NOT pg_is_in_recovery()
            THEN substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8)
    END AS timeline;
