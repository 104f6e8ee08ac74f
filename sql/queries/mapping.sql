-- name: newest_mappings
-- Of every tenant that has one.
SELECT DISTINCT ON (tenant)
    tenant,
    version,
    content
FROM fature.mapping
ORDER BY tenant, version DESC;

-- name: newest_mapping
-- A tenant's, if it has one.
SELECT
    version,
    content,
    created_at,
    created_by
FROM fature.mapping
WHERE tenant = %(tenant)s
ORDER BY version DESC
LIMIT 1;

-- name: insert_mapping
-- The next version. Of two at the same time one fails.
INSERT INTO fature.mapping (tenant, version, content, created_by)
SELECT
    %(tenant)s,
    coalesce(max(m.version), 0) + 1,
    %(content)s,
    %(author)s
FROM fature.mapping AS m
WHERE m.tenant = %(tenant)s
RETURNING version, content, created_at, created_by;
