-- name: annotations
-- Those in scope that reach into a range, newest first, behind a place in their order; about some
-- metrics are also those about all.
SELECT *
FROM fature.annotation
WHERE
    tenant = %(tenant)s
    AND (%(only_service)s::text IS NULL OR service_name = %(only_service)s)
    AND (%(service_name)s::text IS NULL OR service_name = %(service_name)s)
    AND (
        %(metric_names)s::text[] IS NULL
        OR metric_name IS NULL
        OR metric_name = ANY(%(metric_names)s::text[])
    )
    AND (%(tag)s::text IS NULL OR %(tag)s = ANY(tags))
    AND until >= %(since)s::timestamptz
    AND since < %(before)s::timestamptz
    AND (since, annotation_id) < (%(after_at)s::timestamptz, %(after_number)s::bigint)
ORDER BY since DESC, annotation_id DESC
LIMIT %(limit)s;

-- name: insert_annotation
-- A new one.
INSERT INTO fature.annotation (
    tenant, since, until, text, tags, metric_name, service_name, created_by
)
VALUES (
    %(tenant)s, %(since)s, %(until)s, %(text)s, %(tags)s, %(metric_name)s, %(service_name)s, %(actor)s
)
RETURNING *;

-- name: delete_annotation
-- One in scope.
DELETE FROM fature.annotation
WHERE
    tenant = %(tenant)s
    AND annotation_id = %(annotation_id)s
    AND (%(only_service)s::text IS NULL OR service_name = %(only_service)s)
RETURNING *;
