-- name: record_audit
-- In the transaction of the change.
INSERT INTO fature.audit_log (
    tenant, actor, action, target, address, before, after, request_id
)
VALUES (
    %(tenant)s, %(actor)s, %(action)s, %(target)s, %(address)s, %(before)s::jsonb,
    %(after)s::jsonb, %(request_id)s
);

-- name: list_audit
-- A page of a tenant's entries, newest first, one more than asked for.
SELECT
    audit_id,
    at,
    tenant,
    actor,
    action,
    target,
    address,
    before,
    after,
    request_id
FROM fature.audit_log
WHERE
    tenant = %(tenant)s
    AND (%(actor)s::text IS NULL OR actor = %(actor)s)
    AND (%(action)s::text IS NULL OR action = %(action)s)
    AND (%(target)s::text IS NULL OR target = %(target)s)
    AND at >= %(since)s::timestamptz
    AND at < %(before)s::timestamptz
    AND audit_id < %(position)s
ORDER BY audit_id DESC
LIMIT %(limit)s;
