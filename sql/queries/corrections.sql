-- name: lock_corrections
-- One correction at a time: of two that void the same sample, the second finds the first.
SELECT pg_advisory_xact_lock(hashtextextended('fature.corrections', 0));

-- name: find_sample
-- A sample in scope.
SELECT
    x.id,
    x.series_id,
    s.metric_name,
    s.metric_type,
    x.value,
    s.unit,
    s.frequency,
    x.ts AS "timestamp",
    s.service_name,
    s.affiliate_id,
    s.region,
    x.metadata,
    x.is_imported
FROM ({samples}) AS x
INNER JOIN fature.series AS s ON x.series_id = s.series_id
WHERE
    s.tenant = %(tenant)s
    AND (%(only_service)s::text IS NULL OR s.service_name = %(only_service)s);

-- name: sample_of_id
-- Of one frequency. Ids grow with time as submitted, so that few blocks are looked at.
SELECT
    id,
    ts,
    series_id,
    value,
    metadata,
    {is_imported} AS is_imported
FROM {samples}
WHERE id = %(id)s;

-- name: void_sample
-- Moves a sample to the voids.
WITH gone AS (
    DELETE FROM {samples}
    WHERE series_id = %(series_id)s AND ts = %(timestamp)s AND id = %(id)s
    RETURNING id, series_id, ts, value, metadata
)

INSERT INTO fature.void (
    sample_id, series_id, ts, value, metadata, reason, actor, replaced_by, new_value
)
SELECT
    id,
    series_id,
    ts,
    value,
    metadata,
    %(reason)s,
    %(actor)s,
    %(replaced_by)s,
    %(new_value)s
FROM gone
RETURNING sample_id;

-- name: insert_replacement
-- The same sample with another value and id.
INSERT INTO {samples} (ts, id, series_id, value, metadata)
SELECT
    ts,
    replaced_by,
    series_id,
    new_value,
    metadata
FROM fature.void
WHERE sample_id = %(id)s;

-- name: insert_imported_replacement
-- The same of an imported one; of no batch, as it counts at once.
INSERT INTO {samples} (ts, id, series_id, value, metadata, batch_id)
SELECT
    ts,
    replaced_by,
    series_id,
    new_value,
    metadata,
    0
FROM fature.void
WHERE sample_id = %(id)s;

-- name: imported_since
-- Since when imported samples of a frequency can be corrected; NULL: ever.
SELECT fature.imported_since(%(frequency)s) AS since;

-- name: keep_imported_base
-- What the days, or months, have beside imported samples, before any are voided.
SELECT
    fature.keep_imported_base(
        %(frequency)s,
        NULL,
        %(series)s::integer [],
        fature.bucket_start(%(since)s, p.period),
        fature.bucket_start(%(until)s, p.period, 1)
    )
FROM (SELECT CASE %(frequency)s WHEN 'monthly' THEN 'month' ELSE 'day' END AS period) AS p;

-- name: count_voided
-- The figures of days, or months, that imported samples were voided in.
SELECT
    fature.count_imported(
        %(frequency)s,
        NULL,
        fature.bucket_start(%(since)s, p.period),
        fature.bucket_start(%(until)s, p.period, 1),
        %(series)s::integer [],
        %(instants)s::timestamptz []
    )
FROM (SELECT CASE %(frequency)s WHEN 'monthly' THEN 'month' ELSE 'day' END AS period) AS p;

-- name: await_refresh
-- What is materialised in between is stale from now on.
SELECT fature.await_refresh(%(frequency)s, %(since)s, %(until)s);

-- name: refresh_corrected
-- Every rollup that corrections made stale.
CALL fature.refresh_corrected();

-- name: voids
-- A page of the voids in scope, newest first; or that of one sample.
SELECT
    v.sample_id AS id,
    s.metric_name,
    s.metric_type,
    v.value,
    s.unit,
    s.frequency,
    v.ts AS "timestamp",
    s.service_name,
    s.affiliate_id,
    s.region,
    v.metadata,
    v.reason,
    v.actor AS voided_by,
    v.voided_at,
    v.replaced_by,
    v.new_value
FROM fature.void AS v
INNER JOIN fature.series AS s ON v.series_id = s.series_id
WHERE
    s.tenant = %(tenant)s
    AND (%(only_service)s::text IS NULL OR s.service_name = %(only_service)s)
    AND (%(id)s::bigint IS NULL OR v.sample_id = %(id)s)
    AND (%(metric_name)s::text IS NULL OR s.metric_name = %(metric_name)s)
    AND (%(voided_by)s::text IS NULL OR v.actor = %(voided_by)s)
    AND v.voided_at >= %(since)s::timestamptz
    AND v.voided_at < %(before)s::timestamptz
    AND (v.voided_at, v.sample_id) < (%(cursor_at)s::timestamptz, %(cursor_id)s::bigint)
ORDER BY v.voided_at DESC, v.sample_id DESC
LIMIT %(limit)s;
