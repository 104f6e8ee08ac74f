-- name: label_names_state
-- Another one wherever names are others. The sum: what changes does not always become the newest, as
-- transactions end in another order than their changes were made.
SELECT
    count(*) AS names,
    sum(extract(EPOCH FROM updated_at)) AS updated_at
FROM fature.label_name;

-- name: every_label_name
-- Of every tenant.
SELECT
    tenant,
    label,
    value,
    name
FROM fature.label_name;

-- name: label_name
-- One, if it has one.
SELECT
    label,
    value,
    name,
    updated_at,
    updated_by
FROM fature.label_name
WHERE tenant = %(tenant)s AND label = %(label)s AND value = %(value)s;

-- name: label_names
-- Those of a label behind a value, in the order of their values. Who is bound to a service sees those
-- of values that its series have.
SELECT
    n.label,
    n.value,
    n.name,
    n.updated_at,
    n.updated_by
FROM fature.label_name AS n
WHERE
    n.tenant = %(tenant)s
    AND n.label = %(label)s
    AND (%(after)s::text IS NULL OR n.value COLLATE "C" > %(after)s::text)
    AND (
        %(only_service)s::text IS NULL
        OR EXISTS (
            SELECT FROM fature.series AS s
            WHERE
                s.tenant = n.tenant
                AND s.service_name = %(only_service)s
                AND n.value = CASE n.label
                    WHEN 'service_name' THEN s.service_name
                    WHEN 'affiliate_id' THEN s.affiliate_id
                    WHEN 'region' THEN s.region
                    ELSE s.dimensions ->> n.label
                END
        )
    )
ORDER BY n.value COLLATE "C"
LIMIT %(limit)s;

-- name: put_label_name
-- Name a value, or name it otherwise.
INSERT INTO fature.label_name (tenant, label, value, name, updated_by)
VALUES (%(tenant)s, %(label)s, %(value)s, %(name)s, %(author)s)
ON CONFLICT (tenant, label, value) DO UPDATE
SET name = excluded.name, updated_by = excluded.updated_by, updated_at = clock_timestamp()
RETURNING label, value, name, updated_at, updated_by;

-- name: delete_label_name
-- Let the value stand for itself again.
DELETE FROM fature.label_name
WHERE tenant = %(tenant)s AND label = %(label)s AND value = %(value)s
RETURNING label, value, name, updated_at, updated_by;

-- name: is_dimension
-- Whether any metric of a tenant has that dimension.
SELECT EXISTS (
    SELECT FROM fature.metric
    WHERE tenant = %(tenant)s AND %(label)s = ANY(dimensions)
) AS found;
