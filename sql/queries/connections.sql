-- name: use_utc
-- Whatever the server or the role has: instants in a zone with changing clocks cannot be compared or
-- reckoned with.
SET TimeZone TO 'UTC';

-- name: begin_session
-- Also UTC; and a statement ends where it takes too long or its client is gone. The limit only where
-- no pooler stands between, as of plans below.
SELECT
    set_config('TimeZone', 'UTC', FALSE),
    set_config('client_connection_check_interval', '2s', FALSE),
    CASE
        WHEN pg_backend_pid() = %(told)s THEN set_config('statement_timeout', %(limit)s, FALSE)
    END;

-- name: keep_plans
-- Have every statement of this session planned without its values and for one core, so that one
-- question leaves the others to everybody else, and tell that plans may be kept: where a pooler
-- stands between, the backend is not the one that the client was told of, and nothing is set.
SELECT
    CASE
        WHEN pg_backend_pid() = %(told)s
            THEN
                set_config('max_parallel_workers_per_gather', '0', FALSE)
                || set_config('plan_cache_mode', 'force_generic_plan', FALSE)
    END IS NOT NULL AS kept;

-- name: forget_plans
-- Let go of every prepared statement of this session.
DEALLOCATE ALL;

-- name: write_to_disk
-- Let the server keep some 14 MB in a temporary file for a moment, which fails where the disk is full.
SELECT count(*) AS numbers
FROM (SELECT set_config('work_mem', '64kB', TRUE) AS size OFFSET 0) AS small_memory
CROSS JOIN LATERAL generate_series(1, 1000000 + 0 * length(small_memory.size)) AS s (n);
