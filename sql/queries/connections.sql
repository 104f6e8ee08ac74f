-- name: use_utc
-- Whatever the server or the role has: instants in a zone with changing clocks cannot be compared or
-- reckoned with.
SET TimeZone TO 'UTC';

-- name: keep_plans
-- Have every statement of this session planned without its values, and tell that plans may be kept:
-- where a pooler stands between, the backend is not the one that the client was told of, and nothing
-- is set.
SELECT
    CASE
        WHEN pg_backend_pid() = %(told)s
            THEN set_config('plan_cache_mode', 'force_generic_plan', FALSE)
    END IS NOT NULL AS kept;

-- name: forget_plans
-- Let go of every prepared statement of this session.
DEALLOCATE ALL;
