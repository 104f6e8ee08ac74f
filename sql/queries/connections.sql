-- name: keep_plans
-- Have prepared statements keep one plan for all values, and tell that they may be: where a pooler
-- stands between, the backend is not the one that the client was told of.
SELECT
    CASE
        WHEN pg_backend_pid() = %(told)s
            THEN set_config('plan_cache_mode', 'force_generic_plan', FALSE)
    END IS NOT NULL AS kept;
