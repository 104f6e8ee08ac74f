-- name: insert_metrics
-- Unknown names are catalogued on first use, as the first in the caller's order has them.
INSERT INTO fature.metric (
    tenant, metric_name, metric_type, unit, units, kind, default_aggregation, frequency, dimensions
)
SELECT DISTINCT ON (m.tenant, m.metric_name)
    m.tenant,
    m.metric_name,
    m.metric_type,
    m.unit,
    array_remove(ARRAY[m.unit], NULL),
    m.kind,
    m.aggregation,
    m.frequency,
    ARRAY(SELECT d.name FROM jsonb_array_elements_text(m.promoted) AS d (name))
FROM unnest(
    %(tenant)s::text [], %(metric_name)s::text [], %(metric_type)s::text [],
    %(unit)s::text [], %(kind)s::text [], %(aggregation)s::text [], %(frequency)s::text [],
    %(promoted)s::jsonb []
) WITH ORDINALITY AS m (
    tenant, metric_name, metric_type, unit, kind, aggregation, frequency, promoted, place
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
-- How many series a tenant has, or one of its services.
SELECT count(*) AS series
FROM fature.series
WHERE
    tenant = %(tenant)s
    AND (%(service_name)s::text IS NULL OR service_name = %(service_name)s);

-- name: owners_of_many_series
-- Tenants, and services in them, with at least so many series.
SELECT
    tenant,
    service_name,
    count(*) AS series
FROM fature.series
GROUP BY GROUPING SETS ((tenant), (tenant, service_name))
HAVING
    CASE
        WHEN grouping(service_name) = 1 THEN count(*) >= %(per_tenant)s
        ELSE service_name IS NOT NULL AND count(*) >= %(per_service)s
    END
ORDER BY tenant, service_name NULLS FIRST;

-- name: series_growth
-- The metric of which a tenant or one of its services got the most series lately, and how many
-- series of the whole have no sample any more. The newest sample of a series is looked for: it is
-- mostly in the first place that is looked at.
SELECT
    m.metric_name,
    sum(m.idle) OVER ()::bigint AS idle
FROM (
    SELECT
        s.metric_name,
        count(*) AS series,
        count(*) FILTER (WHERE s.created_at > now() - interval '7 days') AS new,
        count(*) FILTER (
            WHERE
                CASE
                    -- Its first samples may be on their way.
                    WHEN s.created_at > now() - interval '1 day' THEN false
                    {idle}
                END
        ) AS idle
    FROM fature.series AS s
    WHERE
        s.tenant = %(tenant)s
        AND (%(service_name)s::text IS NULL OR s.service_name = %(service_name)s)
    GROUP BY s.metric_name
) AS m
ORDER BY m.new DESC, m.series - m.idle DESC, m.metric_name
LIMIT 1;

-- name: series_is_idle
-- A case of it: no sample of that frequency is left.
WHEN s.frequency = {frequency} THEN (
    SELECT true
    FROM {samples} AS x
    WHERE x.series_id = s.series_id
    ORDER BY x.ts DESC
    LIMIT 1
) IS NULL;

-- name: metric_entries
-- What samples of every metric are checked against.
SELECT
    tenant,
    metric_name,
    metric_type,
    unit,
    units,
    dimensions,
    kind,
    frequency,
    formula IS NOT NULL AS is_derived,
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
    kind,
    frequency,
    formula IS NOT NULL AS is_derived,
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

-- name: insert_sources
-- Those that are new here, not counted yet.
INSERT INTO fature.source (source)
SELECT k.source
FROM unnest(%(sources)s::text []::uuid []) AS k (source)
ORDER BY k.source
ON CONFLICT DO NOTHING;

-- name: lock_sources
-- Those that exist, with their places in the caller's order, locked in the same order everywhere.
SELECT
    k.place,
    s.newest,
    s.value,
    s.started
FROM unnest(%(sources)s::text []::uuid []) WITH ORDINALITY AS k (source, place)
INNER JOIN fature.source AS s ON k.source = s.source
ORDER BY s.source
FOR UPDATE OF s;

-- name: update_sources
-- How far each is counted now; they are locked.
UPDATE fature.source AS s
SET
    newest = k.newest,
    value = k.value,
    started = k.started
FROM unnest(
    %(sources)s::text []::uuid [], %(newest)s::bigint [],
    %(value)s::double precision [], %(started)s::bigint []
) AS k (source, newest, value, started)
WHERE s.source = k.source;

-- name: stored_before
-- The places of those samples that are stored already, or were until they were voided.
SELECT k.place
FROM unnest(
    %(series_id)s::integer [], %(ts)s::timestamptz [], %(metadata)s::text []
) WITH ORDINALITY AS k (series_id, ts, metadata, place)
WHERE
    EXISTS (
        SELECT
        FROM {relation} AS s
        WHERE
            s.series_id = k.series_id
            AND s.ts = k.ts
            AND s.ts BETWEEN %(first)s AND %(last)s
            AND s.metadata IS NOT DISTINCT FROM k.metadata::jsonb
    )
    OR EXISTS (
        SELECT
        FROM fature.void AS v
        WHERE
            v.series_id = k.series_id
            AND v.ts = k.ts
            AND v.metadata IS NOT DISTINCT FROM k.metadata::jsonb
    );

-- name: copy_imported
-- Imported samples, older than submitted ones.
COPY {relation} (ts, id, series_id, value, batch_id, metadata) FROM STDIN (FORMAT BINARY);
