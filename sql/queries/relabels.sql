-- name: relabels_version
-- Another one wherever there are other relabels.
SELECT
    count(*) FILTER (WHERE ended_at IS NULL) AS active,
    max(relabel_id) AS newest
FROM fature.relabel;

-- name: relabels
-- Those that count, and what digests are made with. The later ones last.
SELECT
    s.salt,
    r.tenant,
    r.service_name,
    r.metric_name,
    r.label,
    r.digest,
    r.to_value
FROM fature.relabel_salt AS s
LEFT JOIN fature.relabel AS r ON r.ended_at IS NULL
ORDER BY r.relabel_id;

-- name: lock_series
-- Keeps new series waiting, and nothing else.
LOCK TABLE fature.series IN SHARE ROW EXCLUSIVE MODE;

-- name: series_to_relabel
-- The series with a label in scope, and of each the one that has its labels afterwards.
SELECT
    s.series_id,
    s.metric_name,
    s.metric_type,
    s.frequency,
    t.series_id AS target
FROM fature.series AS s
LEFT JOIN fature.series AS t
    ON
        t.identity = fature.series_identity(
            s.tenant, s.metric_name, s.metric_type, s.unit, s.frequency,
            CASE WHEN %(label)s = 'service_name' THEN %(to)s::text ELSE s.service_name END,
            CASE WHEN %(label)s = 'affiliate_id' THEN %(to)s::text ELSE s.affiliate_id END,
            CASE WHEN %(label)s = 'region' THEN %(to)s::text ELSE s.region END,
            {dimensions}
        )
WHERE
    s.tenant = %(tenant)s
    AND (%(metric_name)s::text IS NULL OR s.metric_name = %(metric_name)s)
    AND (%(only_service)s::text IS NULL OR s.service_name = %(only_service)s)
    AND %(from)s = CASE %(label)s
        WHEN 'service_name' THEN s.service_name
        WHEN 'affiliate_id' THEN s.affiliate_id
        WHEN 'region' THEN s.region
        ELSE s.dimensions ->> %(label)s
    END
ORDER BY s.series_id;

-- name: dimensions_relabelled
-- The dimensions of such a series afterwards.
CASE
    WHEN NOT s.dimensions ? %(label)s THEN s.dimensions
    WHEN %(to)s::text IS NULL THEN s.dimensions - %(label)s
    ELSE s.dimensions || jsonb_build_object(%(label)s::text, %(to)s::text)
END;

-- name: relabel_series
-- Those whose labels no other series has.
UPDATE fature.series AS s
SET
    service_name = CASE WHEN %(label)s = 'service_name' THEN %(to)s::text ELSE s.service_name END,
    affiliate_id = CASE WHEN %(label)s = 'affiliate_id' THEN %(to)s::text ELSE s.affiliate_id END,
    region = CASE WHEN %(label)s = 'region' THEN %(to)s::text ELSE s.region END,
    dimensions = {dimensions}
WHERE s.series_id = ANY(%(series)s::integer []);

-- name: merge_series
-- At every level; how many samples were moved.
SELECT fature.merge_series(%(series_id)s, %(target)s) AS moved;

-- name: delete_merged_series
-- It has nothing any more.
WITH gone AS (
    DELETE FROM fature.series
    WHERE series_id = %(series_id)s
    RETURNING series_id
)

INSERT INTO fature.merged_series (series_id, into_id)
SELECT
    series_id,
    %(target)s
FROM gone;

-- name: redirect_merged_series
-- What was merged into it before is in the other now.
UPDATE fature.merged_series
SET into_id = %(target)s
WHERE into_id = %(series_id)s;

-- name: merged_lately
-- Series that became part of others not long ago, and have samples again.
SELECT
    m.series_id,
    m.into_id AS target,
    s.tenant,
    s.metric_name
FROM fature.merged_series AS m
INNER JOIN fature.series AS s ON m.into_id = s.series_id
WHERE
    m.merged_at > now() - %(age)s::interval
    AND (
        EXISTS (SELECT FROM fature.sample_real_time WHERE series_id = m.series_id)
        OR EXISTS (SELECT FROM fature.sample_hourly WHERE series_id = m.series_id)
        OR EXISTS (SELECT FROM fature.sample_daily WHERE series_id = m.series_id)
        OR EXISTS (SELECT FROM fature.sample_monthly WHERE series_id = m.series_id)
        OR EXISTS (SELECT FROM fature.imported_real_time WHERE series_id = m.series_id)
        OR EXISTS (SELECT FROM fature.imported_hourly WHERE series_id = m.series_id)
        OR EXISTS (SELECT FROM fature.imported_daily WHERE series_id = m.series_id)
        OR EXISTS (SELECT FROM fature.imported_monthly WHERE series_id = m.series_id)
    );

-- name: relabel_metadata
-- Of their samples and voids.
SELECT fature.relabel_metadata(%(series)s::integer [], %(label)s, %(from)s, %(to)s);

-- name: relabel_records
-- Of alerts, dashboards and, where a person is erased, the audit log.
SELECT fature.relabel_records(%(tenant)s, %(metric_name)s, %(label)s, %(from)s, %(to)s);

-- name: wider_relabel_from
-- One that says otherwise of what is right from now on, also elsewhere: they would go in a circle.
SELECT r.relabel_id
FROM fature.relabel AS r
CROSS JOIN fature.relabel_salt AS s
WHERE
    r.tenant = %(tenant)s
    AND r.label = %(label)s
    AND r.ended_at IS NULL
    AND r.digest = sha256(uuid_send(s.salt) || convert_to(%(to)s, 'UTF8'))
    AND coalesce(r.metric_name = %(metric_name)s, true)
    AND coalesce(r.service_name = %(only_service)s, true)
    AND (
        (r.metric_name IS NULL AND %(metric_name)s::text IS NOT NULL)
        OR (r.service_name IS NULL AND %(only_service)s::text IS NOT NULL)
    )
LIMIT 1;

-- name: end_relabels
-- Those that this one contradicts: from the same value, or from what is right again.
UPDATE fature.relabel AS r
SET ended_at = now()
FROM fature.relabel_salt AS s
WHERE
    r.tenant = %(tenant)s
    AND r.label = %(label)s
    AND r.ended_at IS NULL
    AND (
        (
            r.metric_name IS NOT DISTINCT FROM %(metric_name)s
            AND r.service_name IS NOT DISTINCT FROM %(only_service)s
            AND r.digest = sha256(uuid_send(s.salt) || convert_to(%(from)s, 'UTF8'))
        )
        OR (
            (%(metric_name)s::text IS NULL OR r.metric_name = %(metric_name)s)
            AND (%(only_service)s::text IS NULL OR r.service_name = %(only_service)s)
            AND r.digest = sha256(uuid_send(s.salt) || convert_to(%(to)s, 'UTF8'))
        )
    );

-- name: insert_relabel
-- Of what comes from now on.
INSERT INTO fature.relabel (tenant, service_name, metric_name, label, digest, to_value, actor)
SELECT
    %(tenant)s,
    %(only_service)s,
    %(metric_name)s,
    %(label)s,
    sha256(uuid_send(s.salt) || convert_to(%(from)s, 'UTF8')),
    %(to)s,
    %(actor)s
FROM fature.relabel_salt AS s
RETURNING relabel_id;

-- name: count_samples_of
-- How many samples of a frequency some series have.
SELECT count(*) AS number
FROM {samples}
WHERE series_id = ANY(%(series)s::integer []);

-- name: oldest_sample_of
-- The oldest sample of a frequency of some series.
SELECT min(ts) AS oldest
FROM {samples}
WHERE series_id = ANY(%(series)s::integer []);

-- name: oldest_bucket_of
-- The latest that the first sample in a rollup of some series can be.
SELECT min(bucket) + {length}::interval - interval '1 microsecond' AS oldest
FROM {rollup}
WHERE series_id = ANY(%(series)s::integer []);

-- name: void_job_of
-- A void of very many samples of a metric, or of any, that is under way.
SELECT job_id
FROM fature.void_job
WHERE
    status = 'running'
    AND tenant = %(tenant)s
    AND (%(metric_name)s::text IS NULL OR metric_name = %(metric_name)s)
LIMIT 1;
