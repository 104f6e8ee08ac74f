-- name: insert_metrics
-- Unknown names are catalogued on first use, as the first in the caller's order has them.
INSERT INTO fature.metric (
    tenant, metric_name, metric_type, unit, units, kind, default_aggregation, frequency
)
SELECT DISTINCT ON (m.tenant, m.metric_name)
    m.tenant,
    m.metric_name,
    m.metric_type,
    m.unit,
    array_remove(ARRAY[m.unit], NULL),
    m.kind,
    m.aggregation,
    m.frequency
FROM unnest(
    %(tenant)s::text [], %(metric_name)s::text [], %(metric_type)s::text [],
    %(unit)s::text [], %(kind)s::text [], %(aggregation)s::text [], %(frequency)s::text []
) WITH ORDINALITY AS m (
    tenant, metric_name, metric_type, unit, kind, aggregation, frequency, place
)
ORDER BY m.tenant, m.metric_name, m.place
ON CONFLICT DO NOTHING;

-- name: insert_series
-- In the caller's order, so that two processes never wait for each other in a circle.
INSERT INTO fature.series (
    tenant, metric_name, metric_type, unit, frequency,
    service_name, affiliate_id, region, dimensions
)
SELECT *
FROM unnest(
    %(tenant)s::text [], %(metric_name)s::text [], %(metric_type)s::text [],
    %(unit)s::text [], %(frequency)s::text [], %(service_name)s::text [],
    %(affiliate_id)s::text [], %(region)s::text [], %(dimensions)s::jsonb []
)
ON CONFLICT (identity) DO NOTHING;

-- name: series_ids
-- Of those that exist, with their places in the caller's order.
SELECT
    s.series_id,
    k.place
FROM unnest(
    %(tenant)s::text [], %(metric_name)s::text [], %(metric_type)s::text [],
    %(unit)s::text [], %(frequency)s::text [], %(service_name)s::text [],
    %(affiliate_id)s::text [], %(region)s::text [], %(dimensions)s::jsonb []
) WITH ORDINALITY AS k (
    tenant, metric_name, metric_type, unit, frequency,
    service_name, affiliate_id, region, dimensions, place
)
INNER JOIN fature.series AS s
    ON
        s.identity = fature.series_identity(
            k.tenant, k.metric_name, k.metric_type, k.unit, k.frequency,
            k.service_name, k.affiliate_id, k.region, k.dimensions
        )
ORDER BY k.place;

-- name: count_series
-- How many series a tenant has, or one of its services; not counted further than `most`.
SELECT count(*) AS series
FROM (
    SELECT 1
    FROM fature.series
    WHERE
        tenant = %(tenant)s
        AND (%(service_name)s::text IS NULL OR service_name = %(service_name)s)
    LIMIT %(most)s
) AS s;

-- name: metric_entries
-- What samples of every metric are checked against.
SELECT
    tenant,
    metric_name,
    metric_type,
    unit,
    units,
    dimensions,
    created_at
FROM fature.metric;

-- name: metric_entries_named
-- The same of some metrics of a tenant.
SELECT
    metric_name,
    metric_type,
    unit,
    units,
    dimensions,
    created_at
FROM fature.metric
WHERE tenant = %(tenant)s AND metric_name = ANY(%(metric_names)s::text []);

-- name: next_id_block
-- The first id of a block of 10000 that nobody else gets.
SELECT nextval('fature.sample_id') AS first_id;

-- name: claim_idempotency_keys
-- The keys that are new here. Waits for another writer that holds one of them.
INSERT INTO fature.idempotency (
    principal, idempotency_key, body_sha256, first_id, sample_count
)
SELECT *
FROM unnest(
    %(principal)s::text [], %(key)s::text [], %(sha256)s::bytea [],
    %(first_id)s::bigint [], %(count)s::integer []
)
ON CONFLICT DO NOTHING
RETURNING principal, idempotency_key;

-- name: find_idempotency_key
-- The first answer under a key.
SELECT
    body_sha256,
    first_id,
    sample_count
FROM fature.idempotency
WHERE principal = %(principal)s AND idempotency_key = %(key)s;

-- name: set_lock_timeout
-- A key held by a stalled writer elsewhere must not stop this one for long.
SET LOCAL lock_timeout = '2s';

-- name: copy_samples
-- The one way samples enter.
COPY {relation} (ts, id, series_id, value, metadata) FROM STDIN (FORMAT binary);
