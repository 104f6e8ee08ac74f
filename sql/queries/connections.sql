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
