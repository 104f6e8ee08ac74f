-- name: lift_decompression_limit
-- Of TimescaleDB, for this transaction: a correction takes as many samples as it may by itself.
SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = 0;

-- name: count_samples
-- Number and exact sum of samples of a frequency, and their oldest and newest instant.
SELECT
    count(*) AS number,
    coalesce(sum(value::numeric), 0) AS total,
    min(ts) AS oldest,
    max(ts) AS newest
FROM {samples}
WHERE
    series_id = ANY(%(series)s::integer [])
    AND ts >= %(since)s::timestamptz
    AND ts < %(before)s::timestamptz;

-- name: end_of_batch
-- The instant of the last of so many samples of a frequency; NULL where there are none.
SELECT max(s.ts) AS until
FROM (
    SELECT ts
    FROM {samples}
    WHERE
        series_id = ANY(%(series)s::integer [])
        AND ts >= %(since)s::timestamptz
        AND ts < %(before)s::timestamptz
    ORDER BY ts
    LIMIT %(limit)s
) AS s;

-- name: void_samples
-- Moves all samples of some series in a range to the voids.
WITH gone AS (
    DELETE FROM {samples}
    WHERE
        series_id = ANY(%(series)s::integer [])
        AND ts >= %(since)s::timestamptz
        AND ts < %(before)s::timestamptz
    RETURNING id, series_id, ts, value, metadata
),

voided AS (
    INSERT INTO fature.void (sample_id, series_id, ts, value, metadata, reason, actor)
    SELECT
        id,
        series_id,
        ts,
        value,
        metadata,
        %(reason)s,
        %(actor)s
    FROM gone
    RETURNING ts
)

SELECT
    count(*) AS number,
    min(ts) AS since,
    max(ts) AS until
FROM voided;

-- name: extent_of_imported
-- From when to when those are; NULL where there are none.
SELECT
    min(ts) AS since,
    max(ts) AS until
FROM {samples}
WHERE
    series_id = ANY(%(series)s::integer [])
    AND ts >= %(since)s::timestamptz
    AND ts < %(before)s::timestamptz;

-- name: void_imported
-- The same of imported ones, and which they were.
WITH gone AS (
    DELETE FROM {samples}
    WHERE
        series_id = ANY(%(series)s::integer [])
        AND ts >= %(since)s::timestamptz
        AND ts < %(before)s::timestamptz
    RETURNING id, series_id, ts, value, metadata
),

voided AS (
    INSERT INTO fature.void (sample_id, series_id, ts, value, metadata, reason, actor)
    SELECT
        id,
        series_id,
        ts,
        value,
        metadata,
        %(reason)s,
        %(actor)s
    FROM gone
    RETURNING series_id, ts
)

SELECT
    count(*) AS number,
    min(ts) AS since,
    max(ts) AS until,
    array_agg(series_id) AS series,
    array_agg(ts) AS instants
FROM voided;

-- name: insert_void_job
-- Running from now on.
INSERT INTO fature.void_job (
    tenant, service_name, metric_name, reason, actor, series, since, before, total, total_value
)
VALUES (
    %(tenant)s, %(service_name)s, %(metric_name)s, %(reason)s, %(actor)s, %(by_frequency)s::jsonb,
    %(since)s, %(until)s::timestamptz + interval '1 microsecond', %(total)s, %(total_value)s
)
RETURNING job_id;

-- name: void_job
-- One in scope.
SELECT
    job_id,
    metric_name,
    reason,
    actor,
    total,
    total_value,
    done,
    status,
    created_at,
    ended_at
FROM fature.void_job
WHERE
    job_id = %(job_id)s
    AND tenant = %(tenant)s
    AND (%(only_service)s::text IS NULL OR service_name = %(only_service)s);

-- name: is_void_job_running
-- A row where any is.
SELECT job_id
FROM fature.void_job
WHERE status = 'running'
LIMIT 1;

-- name: next_void_job
-- The oldest that runs; its ends as text, as they may be infinite. Corrections are locked.
SELECT
    job_id,
    tenant,
    metric_name,
    reason,
    actor,
    series,
    since::text AS since,
    before::text AS before,
    at_frequency,
    at_ts
FROM fature.void_job
WHERE status = 'running'
ORDER BY job_id
LIMIT 1;

-- name: note_void_job
-- How far it came; corrections are locked.
UPDATE fature.void_job
SET
    done = done + %(number)s,
    at_frequency = %(at_frequency)s,
    at_ts = %(at_ts)s
WHERE job_id = %(job_id)s;

-- name: end_void_job
-- Nothing is left; another process may have ended it before.
UPDATE fature.void_job
SET
    status = 'done',
    ended_at = now()
WHERE job_id = %(job_id)s AND status = 'running';

-- name: is_anything_stale
-- A row where corrections wait for a refresh.
SELECT stale_id
FROM fature.stale_range
LIMIT 1;
