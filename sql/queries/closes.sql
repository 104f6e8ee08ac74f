-- name: lock_closes
-- Waits for all who add or correct samples of earlier days, and keeps others waiting.
SELECT pg_advisory_xact_lock(hashtextextended('fature.closes', 0));

-- name: closed_by
-- The closes that samples of those types from those instants on would be in, by their places.
SELECT
    c.place,
    c.close_id,
    c.metric_type,
    c.until
FROM fature.closed_by(
    %(tenants)s::text [], %(metric_types)s::text [], %(oldest)s::timestamptz []
) AS c;

-- name: every_close
-- The last close of each type of each tenant.
SELECT DISTINCT ON (tenant, metric_type)
    tenant,
    metric_type,
    close_id,
    until,
    before
FROM fature.period_close
ORDER BY tenant, metric_type, before DESC;

-- name: business_timezone
-- Whose days are closed.
SELECT timezone
FROM fature.installation;

-- name: closes
-- Those in force in a tenant, the last first.
SELECT
    close_id,
    until,
    metric_type,
    closed_by,
    closed_at
FROM fature.period_close
WHERE tenant = %(tenant)s
ORDER BY until DESC, close_id DESC;

-- name: insert_close
-- A new one.
INSERT INTO fature.period_close (tenant, metric_type, until, before, closed_by)
VALUES (%(tenant)s, %(metric_type)s, %(until)s, %(before)s, %(closed_by)s)
RETURNING close_id, until, metric_type, closed_by, closed_at;

-- name: delete_close
-- One of a tenant.
DELETE FROM fature.period_close
WHERE tenant = %(tenant)s AND close_id = %(close_id)s
RETURNING close_id, until, metric_type, closed_by, closed_at;

-- name: void_job_before
-- A void of very many samples that is under way and reaches before an instant.
SELECT j.job_id
FROM fature.void_job AS j
INNER JOIN fature.metric AS m ON j.tenant = m.tenant AND j.metric_name = m.metric_name
WHERE
    j.status = 'running'
    AND j.tenant = %(tenant)s
    AND m.metric_type = %(metric_type)s
    AND j.since < %(before)s
LIMIT 1;
