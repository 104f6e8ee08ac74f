-- name: insert_import
-- A new one; none where it is known by its key.
INSERT INTO fature.import_job (tenant, service_name, import_key, actor, format)
VALUES (%(tenant)s, %(service_name)s, %(import_key)s, %(actor)s, %(format)s)
ON CONFLICT ON CONSTRAINT import_job_key DO NOTHING
RETURNING import_id;

-- name: lock_import
-- The one with that key, which others wait for.
SELECT import_id
FROM fature.import_job
WHERE
    tenant = %(tenant)s
    AND service_name IS NOT DISTINCT FROM %(service_name)s
    AND import_key = %(import_key)s
FOR UPDATE;

-- name: close_batches
-- Nothing more is written to what an earlier request of an import brings.
UPDATE fature.import_batch
SET status = 'closed'
WHERE import_id = %(import_id)s AND status = 'open';

-- name: close_batch
-- Its request ended.
UPDATE fature.import_batch
SET status = 'closed'
WHERE batch_id = %(batch_id)s AND status = 'open';

-- name: insert_batch
-- What one request brings.
INSERT INTO fature.import_batch (import_id)
VALUES (%(import_id)s)
RETURNING batch_id;

-- name: imports
-- A page of those in scope, newest first; or one of them.
SELECT
    j.import_id,
    j.service_name,
    j.import_key,
    j.actor,
    j.format,
    j.row_count,
    j.digest,
    j.accepted,
    j.rejected,
    j.metric_names,
    j.created_at,
    j.updated_at,
    j.ended_at,
    CASE
        WHEN j.status = 'receiving' AND NOT coalesce(b.is_open, false) THEN 'interrupted'
        ELSE j.status
    END AS status,
    j.accepted - coalesce(b.waiting, 0) + least(j.counted, coalesce(b.waiting, 0)) AS counted
FROM fature.import_job AS j
LEFT JOIN LATERAL (
    SELECT
        bool_or(b.status = 'open') AS is_open,
        sum(e.number)::bigint AS waiting
    FROM fature.import_batch AS b
    LEFT JOIN fature.import_extent AS e ON b.batch_id = e.batch_id
    WHERE b.import_id = j.import_id AND b.status <> 'counted'
) AS b ON true
WHERE
    j.tenant = %(tenant)s
    AND (%(only_service)s::text IS NULL OR j.service_name = %(only_service)s)
    AND (%(import_id)s::integer IS NULL OR j.import_id = %(import_id)s)
    AND j.import_id < %(before)s
ORDER BY j.import_id DESC
LIMIT %(limit)s;

-- name: note_import_progress
-- Compare and swap: no row where another request goes on with the import.
WITH batch AS (
    UPDATE fature.import_batch
    SET updated_at = now()
    WHERE batch_id = %(batch_id)s AND status = 'open'
    RETURNING import_id
)

UPDATE fature.import_job AS j
SET
    row_count = %(after)s,
    digest = %(digest)s,
    accepted = j.accepted + %(accepted)s,
    rejected = j.rejected + %(rejected)s,
    metric_names = ARRAY(
        SELECT DISTINCT n.metric_name
        FROM unnest(j.metric_names || %(metric_names)s::text []) AS n (metric_name)
        ORDER BY n.metric_name
    ),
    updated_at = now()
FROM batch
WHERE j.import_id = batch.import_id AND j.row_count = %(before)s
RETURNING j.row_count;

-- name: note_extent
-- Imported samples of a frequency in a batch, with those before.
INSERT INTO fature.import_extent (batch_id, frequency, since, until, number)
VALUES (%(batch_id)s, %(frequency)s, %(since)s, %(until)s, %(number)s)
ON CONFLICT (batch_id, frequency) DO UPDATE
SET
    since = least(import_extent.since, excluded.since),
    until = greatest(import_extent.until, excluded.until),
    number = import_extent.number + excluded.number;

-- name: insert_rejections
-- Rows that are none, each with all that is wrong with it.
INSERT INTO fature.import_rejection (import_id, line, place, field, reason_message)
SELECT
    %(import_id)s,
    r.line,
    row_number() OVER (PARTITION BY r.line ORDER BY r.ordinality),
    r.field,
    r.reason::jsonb
FROM unnest(%(lines)s::bigint [], %(fields)s::text [], %(reasons)s::text [])
WITH ORDINALITY AS r (line, field, reason);

-- name: rejections
-- Of an import, from the start of the file on.
SELECT
    line,
    place,
    field,
    reason_message::text AS reason
FROM fature.import_rejection
WHERE import_id = %(import_id)s AND (line, place) > (%(line)s, %(place)s)
ORDER BY line, place
LIMIT %(limit)s;

-- name: discard_import
-- Of which nothing was taken.
WITH gone AS (
    DELETE FROM fature.import_batch
    WHERE import_id = %(import_id)s AND EXISTS (
        SELECT FROM fature.import_job AS j
        WHERE j.import_id = %(import_id)s AND j.row_count = 0
    )
    RETURNING import_id
)

DELETE FROM fature.import_job
WHERE import_id IN (SELECT import_id FROM gone);

-- name: complete_import
-- Every row was read; what is left are the figures.
UPDATE fature.import_job
SET
    status = 'counting',
    updated_at = now()
WHERE import_id = %(import_id)s AND status = 'receiving' AND row_count = %(row_count)s
RETURNING accepted, rejected;

-- name: is_import_waiting
-- A row where figures of any import are to be computed.
SELECT import_id
FROM fature.import_job
WHERE status = 'counting'
UNION ALL
SELECT import_id
FROM fature.import_batch
WHERE status <> 'counted'
LIMIT 1;

-- name: close_silent_batches
-- Their process ended without a word, or their client waits for ever.
UPDATE fature.import_batch
SET status = 'closed'
WHERE status = 'open' AND updated_at < now() - interval '10 minutes';

-- name: next_batch
-- The one that is being counted, or the oldest that is closed. Corrections are locked.
SELECT
    b.batch_id,
    b.import_id,
    b.at_frequency,
    b.at_ts,
    j.tenant,
    j.metric_names
FROM fature.import_batch AS b
INNER JOIN fature.import_job AS j ON b.import_id = j.import_id
WHERE b.status = 'closed'
ORDER BY (b.at_frequency IS NULL), b.batch_id
LIMIT 1;

-- name: extents
-- Of a batch.
SELECT
    frequency,
    since,
    until,
    number
FROM fature.import_extent
WHERE batch_id = %(batch_id)s;

-- name: count_imported
-- The figures of a batch in a stretch of time.
SELECT fature.count_imported(%(frequency)s, %(batch_id)s, %(since)s, %(before)s);

-- name: number_of_batch
-- The samples of a batch in that stretch.
SELECT count(*) AS number
FROM {imported}
WHERE batch_id = %(batch_id)s AND ts >= %(since)s AND ts < %(before)s;

-- name: note_counted
-- How far the figures of a batch are, unless another process went on meanwhile.
WITH batch AS (
    UPDATE fature.import_batch
    SET
        at_frequency = %(frequency)s,
        at_ts = %(until)s
    WHERE
        batch_id = %(batch_id)s
        AND at_frequency IS NOT DISTINCT FROM %(at_frequency)s
        AND at_ts IS NOT DISTINCT FROM %(at_ts)s
    RETURNING import_id
)

UPDATE fature.import_job AS j
SET counted = j.counted + %(number)s
FROM batch
WHERE j.import_id = batch.import_id;

-- name: end_batch
-- All figures of it are there.
WITH batch AS (
    UPDATE fature.import_batch
    SET status = 'counted'
    WHERE batch_id = %(batch_id)s
    RETURNING import_id
)

UPDATE fature.import_job AS j
SET counted = 0
FROM batch
WHERE j.import_id = batch.import_id;

-- name: imports_to_end
-- Those that nothing is left of.
SELECT
    j.import_id,
    j.tenant,
    j.metric_names
FROM fature.import_job AS j
WHERE
    j.status = 'counting'
    AND NOT EXISTS (
        SELECT FROM fature.import_batch AS b
        WHERE b.import_id = j.import_id AND b.status <> 'counted'
    );

-- name: end_import
-- Figures of all levels are right.
UPDATE fature.import_job
SET
    status = 'done',
    ended_at = now()
WHERE import_id = %(import_id)s AND status = 'counting';
