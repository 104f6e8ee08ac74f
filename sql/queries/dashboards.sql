-- name: list_dashboards
-- The dashboards of a tenant, newest first.
SELECT *
FROM fature.dashboard
WHERE tenant = %(tenant)s
ORDER BY dashboard_id DESC;

-- name: dashboard
-- One dashboard.
SELECT *
FROM fature.dashboard
WHERE tenant = %(tenant)s AND dashboard_id = %(dashboard_id)s;

-- name: dashboard_for_update
-- One dashboard, while it is changed.
SELECT *
FROM fature.dashboard
WHERE tenant = %(tenant)s AND dashboard_id = %(dashboard_id)s
FOR UPDATE;

-- name: insert_dashboard
-- A new dashboard.
INSERT INTO fature.dashboard (tenant, name, description, config, created_by, updated_by)
VALUES (%(tenant)s, %(name)s, %(description)s, %(config)s, %(actor)s, %(actor)s)
RETURNING *;

-- name: update_dashboard
-- A dashboard as it is from now on.
UPDATE fature.dashboard
SET
    name = %(name)s,
    description = %(description)s,
    config = %(config)s,
    updated_at = now(),
    updated_by = %(actor)s
WHERE tenant = %(tenant)s AND dashboard_id = %(dashboard_id)s
RETURNING *;

-- name: delete_dashboard
-- And the links to it.
DELETE FROM fature.dashboard
WHERE tenant = %(tenant)s AND dashboard_id = %(dashboard_id)s
RETURNING *;

-- name: copy_platform_dashboards
-- To a new tenant, as the tenant default has them by now.
INSERT INTO fature.dashboard (tenant, name, description, config)
SELECT
    %(tenant)s,
    name,
    description,
    config
FROM fature.dashboard
WHERE tenant = 'default' AND is_platform
ON CONFLICT DO NOTHING;

-- name: delete_tenant_dashboards
-- With their tenant.
DELETE FROM fature.dashboard
WHERE tenant = %(tenant)s;

-- name: insert_dashboard_share
-- A link to a dashboard.
INSERT INTO fature.dashboard_share (
    dashboard_id, service_name, digest, created_by, expires_at
)
VALUES (%(dashboard_id)s, %(service_name)s, %(digest)s, %(actor)s, %(expires_at)s)
RETURNING *;

-- name: list_dashboard_shares
-- The links to a dashboard that hold, newest first.
SELECT
    s.dashboard_share_id,
    s.service_name,
    s.created_at,
    s.created_by,
    s.expires_at
FROM fature.dashboard_share AS s
INNER JOIN fature.dashboard AS d ON s.dashboard_id = d.dashboard_id
WHERE
    d.tenant = %(tenant)s
    AND s.dashboard_id = %(dashboard_id)s
    AND s.expires_at > %(now)s
ORDER BY s.dashboard_share_id DESC;

-- name: delete_dashboard_share
-- End a link.
DELETE FROM fature.dashboard_share AS s
USING fature.dashboard AS d
WHERE
    s.dashboard_id = d.dashboard_id
    AND d.tenant = %(tenant)s
    AND s.dashboard_id = %(dashboard_id)s
    AND s.dashboard_share_id = %(dashboard_share_id)s
RETURNING s.dashboard_share_id;

-- name: delete_expired_dashboard_shares
-- What shows nothing any more.
DELETE FROM fature.dashboard_share
WHERE dashboard_id = %(dashboard_id)s AND expires_at <= %(now)s;

-- name: shared_dashboard
-- What a link shows; nothing of a tenant that is locked.
SELECT
    d.*,
    s.service_name AS shared_service_name,
    s.expires_at
FROM fature.dashboard_share AS s
INNER JOIN fature.dashboard AS d ON s.dashboard_id = d.dashboard_id
INNER JOIN fature.tenant AS t ON d.tenant = t.tenant
WHERE s.digest = %(digest)s AND s.expires_at > %(now)s AND t.is_active;
