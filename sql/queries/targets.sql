-- name: targets
-- Those in scope by name; one of them where its number is given.
SELECT *
FROM fature.target
WHERE
    tenant = %(tenant)s
    AND (%(only_service)s::text IS NULL OR service_name = %(only_service)s)
    AND (%(target_id)s::integer IS NULL OR target_id = %(target_id)s)
    AND (%(metric_name)s::text IS NULL OR metric_name = %(metric_name)s)
ORDER BY target_id DESC;

-- name: target_for_update
-- One of a tenant, while it is changed.
SELECT *
FROM fature.target
WHERE tenant = %(tenant)s AND target_id = %(target_id)s
FOR UPDATE;

-- name: insert_target
-- A new one.
INSERT INTO fature.target (
    tenant,
    name,
    metric_name,
    aggregation,
    service_name,
    affiliate_id,
    region,
    unit,
    filters,
    period,
    value,
    direction,
    since,
    until,
    created_by,
    updated_by
)
VALUES (
    %(tenant)s,
    %(name)s,
    %(metric_name)s,
    %(aggregation)s,
    %(service_name)s,
    %(affiliate_id)s,
    %(region)s,
    %(unit)s,
    %(filters)s,
    %(period)s,
    %(value)s,
    %(direction)s,
    %(since)s,
    %(until)s,
    %(actor)s,
    %(actor)s
)
RETURNING *;

-- name: update_target
-- As it is from now on.
UPDATE fature.target
SET
    name = %(name)s,
    metric_name = %(metric_name)s,
    aggregation = %(aggregation)s,
    service_name = %(service_name)s,
    affiliate_id = %(affiliate_id)s,
    region = %(region)s,
    unit = %(unit)s,
    filters = %(filters)s,
    period = %(period)s,
    value = %(value)s,
    direction = %(direction)s,
    since = %(since)s,
    until = %(until)s,
    updated_by = %(actor)s,
    updated_at = now()
WHERE tenant = %(tenant)s AND target_id = %(target_id)s
RETURNING *;

-- name: delete_target
-- One of a tenant.
DELETE FROM fature.target
WHERE tenant = %(tenant)s AND target_id = %(target_id)s
RETURNING *;
