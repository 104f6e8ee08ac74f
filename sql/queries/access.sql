-- name: all_keys
-- Every key; those that are refused are known, too, so that nobody looks for them elsewhere.
SELECT
    k.key_id,
    k.tenant,
    k.role,
    k.service_name,
    k.scopes,
    k.prefix,
    k.digest,
    k.expires_at,
    k.revoked_at IS NULL AND t.is_active AS is_usable
FROM fature.api_key AS k
INNER JOIN fature.tenant AS t ON k.tenant = t.tenant;

-- name: set_keys_used
-- In one order, so that two processes never wait for each other in a circle.
UPDATE fature.api_key AS k
SET last_used_at = greatest(k.last_used_at, u.used_at)
FROM (
    SELECT
        a.key_id,
        i.used_at
    FROM fature.api_key AS a
    INNER JOIN unnest(%(keys)s::integer [], %(used)s::timestamptz []) AS i (key_id, used_at)
        ON a.key_id = i.key_id
    ORDER BY a.key_id
    FOR UPDATE OF a
) AS u
WHERE k.key_id = u.key_id;

-- name: insert_key
-- A new key; its tenant must exist.
INSERT INTO fature.api_key (
    tenant, name, role, service_name, scopes, prefix, digest, created_by, expires_at
)
VALUES (
    %(tenant)s, %(name)s, %(role)s, %(service_name)s, %(scopes)s::text [], %(prefix)s,
    %(digest)s, %(created_by)s, %(expires_at)s
)
RETURNING *;

-- name: list_keys
-- The keys of a tenant, newest first.
SELECT *
FROM fature.api_key
WHERE tenant = %(tenant)s
ORDER BY key_id DESC;

-- name: find_key
-- One key.
SELECT *
FROM fature.api_key
WHERE tenant = %(tenant)s AND key_id = %(key_id)s;

-- name: key_for_update
-- One key, while it is changed.
SELECT *
FROM fature.api_key
WHERE tenant = %(tenant)s AND key_id = %(key_id)s
FOR UPDATE;

-- name: revoke_key
-- From now on it is refused.
UPDATE fature.api_key
SET revoked_at = now()
WHERE key_id = %(key_id)s
RETURNING *;

-- name: rotate_key
-- Another secret under the same id.
UPDATE fature.api_key
SET
    prefix = %(prefix)s,
    digest = %(digest)s,
    rotated_at = now()
WHERE key_id = %(key_id)s
RETURNING *;

-- name: list_tenants
-- Every tenant, newest first.
SELECT *
FROM fature.tenant
ORDER BY created_at DESC, tenant DESC;

-- name: insert_tenant
-- Nothing where the name is taken.
INSERT INTO fature.tenant (tenant, description)
VALUES (%(tenant)s, %(description)s)
ON CONFLICT DO NOTHING
RETURNING *;

-- name: copy_platform_metrics
-- Into the catalogue of a new tenant, as the tenant default has them by now.
INSERT INTO fature.metric (
    tenant, metric_name, metric_type, unit, kind, default_aggregation, frequency,
    description, dimensions
)
SELECT
    %(tenant)s,
    metric_name,
    metric_type,
    unit,
    kind,
    default_aggregation,
    frequency,
    description,
    dimensions
FROM fature.metric
WHERE tenant = 'default' AND is_platform
ON CONFLICT DO NOTHING;

-- name: tenant_for_update
-- One tenant, while it is changed.
SELECT *
FROM fature.tenant
WHERE tenant = %(tenant)s
FOR UPDATE;

-- name: update_tenant
-- What is NULL stays.
UPDATE fature.tenant
SET
    description = coalesce(%(description)s, description),
    is_active = coalesce(%(is_active)s, is_active)
WHERE tenant = %(tenant)s
RETURNING *;

-- name: tenant_has_data
-- Whether anything would be lost or orphaned with a tenant.
SELECT
    EXISTS (
        SELECT 1
        FROM fature.series
        WHERE tenant = %(tenant)s
    )
    OR EXISTS (
        SELECT 1
        FROM fature.alert_rule
        WHERE tenant = %(tenant)s
    )
    OR EXISTS (
        SELECT 1
        FROM fature.alert_event
        WHERE tenant = %(tenant)s
    )
    OR EXISTS (
        SELECT 1
        FROM fature.service_health
        WHERE tenant = %(tenant)s
    ) AS has_data;

-- name: delete_tenant_keys
-- With their tenant.
DELETE FROM fature.api_key
WHERE tenant = %(tenant)s;

-- name: delete_tenant_metrics
-- Catalogue entries without series.
DELETE FROM fature.metric
WHERE tenant = %(tenant)s;

-- name: delete_tenant_silences
-- Which mute nothing without rules.
DELETE FROM fature.alert_silence
WHERE tenant = %(tenant)s;

-- name: delete_tenant
-- One without data.
DELETE FROM fature.tenant
WHERE tenant = %(tenant)s;
