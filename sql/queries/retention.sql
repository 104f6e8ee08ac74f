-- name: actual_policies
-- Every policy on our relations; offsets as text so that NULL ones show as NULL.
SELECT
    j.job_id,
    CASE j.proc_name
        WHEN 'policy_retention' THEN 'retention'
        WHEN 'policy_compression' THEN 'columnstore'
        WHEN 'delete_resolved_alert_events' THEN 'expiry'
        WHEN 'refresh_corrected' THEN 'corrected'
        ELSE 'refresh'
    END AS kind,
    -- Jobs of our own have no hypertable. Of a rollup it is the view.
    CASE j.proc_name
        WHEN 'delete_resolved_alert_events' THEN 'alert_event'
        WHEN 'refresh_corrected' THEN 'stale_range'
        ELSE j.hypertable_name
    END AS relation,
    coalesce(j.config ->> 'drop_after', j.config ->> 'keep')::interval AS keep,
    (j.config ->> 'compress_after')::interval AS "after",
    (j.config ->> 'start_offset')::interval AS start_offset,
    (j.config ->> 'end_offset')::interval AS end_offset,
    (j.config ->> 'buckets_per_batch')::integer AS buckets_per_batch,
    j.schedule_interval,
    -- -infinity while a job waits for its first run
    CASE WHEN isfinite(j.next_start) THEN j.next_start END AS next_start
FROM timescaledb_information.jobs AS j
WHERE j.proc_name IN (
    'policy_retention', 'policy_compression', 'policy_refresh_continuous_aggregate',
    'delete_resolved_alert_events', 'refresh_corrected'
)
AND coalesce(j.hypertable_schema, j.proc_schema) = 'fature'
ORDER BY relation, kind;

-- name: samples_dropped
-- Before which instant samples may be gone although they are kept longer now.
SELECT
    frequency,
    before
FROM fature.samples_dropped;

-- name: record_dropped
-- What was dropped once stays dropped.
INSERT INTO fature.samples_dropped (frequency, before)
VALUES (%(frequency)s, %(before)s)
ON CONFLICT (frequency) DO UPDATE
SET before = greatest(samples_dropped.before, excluded.before);

-- name: lock_policies
-- Two reconcilers at once would each remove and add the same policies.
SELECT pg_advisory_xact_lock(hashtextextended('fature.policies', 0));

-- name: remove_policy
-- By job, so that a policy nobody declared goes the same way.
SELECT delete_job(%(job_id)s);

-- name: add_retention
-- Chunks wholly older than keep are dropped, every night in the business time zone.
SELECT
    add_retention_policy(
        %(relation)s::regclass,
        drop_after => %(keep)s,
        schedule_interval => interval '1 day',
        initial_start => %(initial_start)s,
        timezone => %(timezone)s
    );

-- name: add_refresh
-- One window in one go: batches lose late rows before 2.29 (timescaledb#10221).
SELECT
    add_continuous_aggregate_policy(
        %(relation)s::regclass,
        start_offset => %(start)s,
        end_offset => %(end)s,
        schedule_interval => %(every)s,
        initial_start => %(initial_start)s,
        timezone => %(timezone)s,
        buckets_per_batch => 0
    );

-- name: add_columnstore
-- At night like retention.
CALL add_columnstore_policy(
    %(relation)s::regclass,
    after => %(after)s,
    schedule_interval => interval '1 day',
    initial_start => %(initial_start)s,
    timezone => %(timezone)s
);

-- name: add_expiry
-- Resolved alert events are deleted every night in the business time zone.
SELECT
    add_job(
        'fature.delete_resolved_alert_events'::regproc,
        interval '1 day',
        config => jsonb_build_object('keep', %(keep)s::interval::text),
        initial_start => %(initial_start)s,
        timezone => %(timezone)s
    );

-- name: add_corrected
-- Rollups are refreshed where samples were corrected; not in a schema that is older than corrections.
SELECT
    add_job(
        c.refresh_corrected,
        %(every)s,
        initial_start => %(initial_start)s,
        timezone => %(timezone)s
    )
FROM (SELECT to_regproc('fature.refresh_corrected') AS refresh_corrected) AS c
WHERE c.refresh_corrected IS NOT NULL;

-- name: delete_resolved_alert_events
-- The same where there are no jobs.
DELETE FROM fature.alert_event
WHERE status = 'resolved' AND resolved_at < %(before)s;

-- name: relation_sizes
-- Hypertables and continuous aggregates: chunks, those in columnstore, bytes.
SELECT
    r.relation,
    count(c.chunk_name) AS chunks,
    count(*) FILTER (WHERE c.is_compressed) AS columnstore_chunks,
    NULL::timestamptz AS oldest,
    hypertable_size(
        (quote_ident(r.schema) || '.' || quote_ident(r.hypertable))::regclass
    ) AS bytes
FROM (
    SELECT
        hypertable_name AS relation,
        hypertable_schema AS schema,
        hypertable_name AS hypertable
    FROM timescaledb_information.hypertables
    WHERE hypertable_schema = 'fature'
    UNION ALL
    SELECT
        view_name,
        materialization_hypertable_schema,
        materialization_hypertable_name
    FROM timescaledb_information.continuous_aggregates
    WHERE view_schema = 'fature'
) AS r
LEFT JOIN timescaledb_information.chunks AS c
    ON r.schema = c.hypertable_schema AND r.hypertable = c.hypertable_name
GROUP BY r.relation, r.schema, r.hypertable
ORDER BY r.relation;

-- name: oldest_buckets
-- Of what each rollup has materialised.
SELECT
    view_name AS relation,
    fature.oldest_bucket((
        quote_ident(materialization_hypertable_schema)
        || '.' || quote_ident(materialization_hypertable_name)
    )::regclass) AS oldest
FROM timescaledb_information.continuous_aggregates
WHERE view_schema = 'fature';

-- name: table_sizes
-- The same for ordinary tables.
SELECT
    c.relname AS relation,
    0 AS chunks,
    0 AS columnstore_chunks,
    NULL::timestamptz AS oldest,
    pg_total_relation_size(c.oid) AS bytes
FROM pg_class AS c
WHERE
    c.relnamespace = 'fature'::regnamespace
    AND c.relkind = 'r'
    AND (c.relname ~ '^(sample|imported)_' OR c.relname IN ('service_health', 'alert_event', 'stale_range'))
ORDER BY c.relname;

-- name: oldest_row
-- One index look-up.
SELECT
    {name} AS relation,
    min(ts) AS oldest
FROM {relation};

-- name: delete_batch
-- By physical address, so that one batch is one short transaction.
DELETE FROM {relation}
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM {relation}
    WHERE ts < %(before)s
    LIMIT %(batch)s
));

-- name: forget_idempotency_keys
-- Retries are safe for 24 hours.
DELETE FROM fature.idempotency
WHERE created_at < %(before)s;

-- name: forget_sources
-- Those that send nothing any more. Their instants count in microseconds since 2000.
DELETE FROM fature.source
WHERE
    newest < extract(
        EPOCH FROM %(before)s::timestamptz - timestamptz '2000-01-01 00:00:00+00'
    ) * 1000000;
