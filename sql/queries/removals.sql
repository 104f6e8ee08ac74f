-- name: series_of_metric
-- All of them.
SELECT
    series_id,
    metric_type,
    frequency
FROM fature.series
WHERE tenant = %(tenant)s AND metric_name = %(metric_name)s;

-- name: lock_metric
-- A metric, while it is removed.
SELECT
    metric_name,
    metric_type,
    unit,
    kind,
    frequency,
    description
FROM fature.metric
WHERE tenant = %(tenant)s AND metric_name = %(metric_name)s
FOR UPDATE;

-- name: rules_on_metric
-- What is watched of it.
SELECT
    rule_id,
    rule_name
FROM fature.alert_rule
WHERE tenant = %(tenant)s AND metric_name = %(metric_name)s
ORDER BY rule_id;

-- name: targets_on_metric
-- What it is to reach.
SELECT
    target_id,
    name
FROM fature.target
WHERE tenant = %(tenant)s AND metric_name = %(metric_name)s
ORDER BY target_id;

-- name: panels_on_metric
-- What is shown of it.
SELECT
    d.dashboard_id,
    d.name,
    coalesce(p.panel ->> 'title', '') AS title
FROM fature.dashboard AS d
CROSS JOIN
    LATERAL jsonb_array_elements(d.config -> 'panels') WITH ORDINALITY AS p (panel, place)
WHERE
    d.tenant = %(tenant)s
    AND jsonb_path_exists(
        p.panel,
        '$.queries[*].metric_name ? (@ == $name)',
        jsonb_build_object('name', %(metric_name)s::text)
    )
ORDER BY d.dashboard_id, p.place;

-- name: count_voids_of
-- How many samples of some series are voided.
SELECT count(*) AS number
FROM fature.void
WHERE series_id = ANY(%(series)s::integer []);

-- name: insert_removal
-- Running from now on.
INSERT INTO fature.metric_removal (tenant, metric_name, actor, series, samples, voids)
VALUES (%(tenant)s, %(metric_name)s, %(actor)s, %(series)s, %(samples)s, %(voids)s)
RETURNING removal_id;

-- name: insert_removed_metric
-- What series need that are to be deleted.
INSERT INTO fature.metric (
    tenant, metric_name, metric_type, unit, kind, default_aggregation, frequency
)
SELECT
    '(removed)',
    %(removal_id)s::text,
    metric_type,
    unit,
    kind,
    default_aggregation,
    frequency
FROM fature.metric
WHERE tenant = %(tenant)s AND metric_name = %(metric_name)s;

-- name: hide_series
-- From everybody, until they are deleted.
UPDATE fature.series
SET
    tenant = '(removed)',
    metric_name = %(removal_id)s::text
WHERE tenant = %(tenant)s AND metric_name = %(metric_name)s;

-- name: delete_metric
-- It has no series any more.
DELETE FROM fature.metric
WHERE tenant = %(tenant)s AND metric_name = %(metric_name)s;

-- name: delete_relabels_of_metric
-- Nothing of it comes any more.
DELETE FROM fature.relabel
WHERE tenant = %(tenant)s AND metric_name = %(metric_name)s;

-- name: delete_expectations_of_metric
-- Of what is gone.
DELETE FROM fature.expectation
WHERE tenant = %(tenant)s AND metric_name = %(metric_name)s;

-- name: is_removal_running
-- A row where any is.
SELECT removal_id
FROM fature.metric_removal
WHERE status = 'running'
LIMIT 1;

-- name: delete_some_series
-- Some of a removal with everything of them; none where none is left.
SELECT fature.delete_series(d.series) AS deleted
FROM (
    SELECT array_agg(s.series_id) AS series
    FROM (
        SELECT series_id
        FROM fature.series
        WHERE tenant = '(removed)' AND metric_name = %(removal_id)s::text
        ORDER BY series_id
        LIMIT %(limit)s
    ) AS s
) AS d
WHERE d.series IS NOT NULL;

-- name: end_removal
-- Nothing is left of it.
WITH ended AS (
    UPDATE fature.metric_removal
    SET
        status = 'done',
        ended_at = now()
    WHERE removal_id = %(removal_id)s AND status = 'running'
)

DELETE FROM fature.metric
WHERE tenant = '(removed)' AND metric_name = %(removal_id)s::text;

-- name: removal
-- One of a tenant, with how many of its series are left.
SELECT
    r.removal_id,
    r.metric_name,
    r.actor,
    r.series,
    r.samples,
    r.voids,
    r.status,
    r.created_at,
    r.ended_at,
    (
        SELECT count(*)
        FROM fature.series AS s
        WHERE s.tenant = '(removed)' AND s.metric_name = r.removal_id::text
    ) AS series_left
FROM fature.metric_removal AS r
WHERE r.removal_id = %(removal_id)s AND r.tenant = %(tenant)s;
