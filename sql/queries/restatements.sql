-- name: note_figure_changes
-- Where figures changed, of metrics that alerts watch or watched. Where no loop has judged rules for a
-- week, nobody would ever look.
INSERT INTO fature.figure_change (tenant, metric_name, since, until)
SELECT
    c.tenant,
    c.metric_name,
    min(c.since),
    max(c.until)
FROM unnest(
    %(tenants)s::text [], %(metric_names)s::text [],
    %(since)s::timestamptz [], %(until)s::timestamptz []
) AS c (tenant, metric_name, since, until)
WHERE
    EXISTS (
        SELECT
        FROM fature.alert_rule AS r
        WHERE greatest(r.last_evaluated_at, r.created_at) > now() - interval '7 days'
    )
    AND (
        EXISTS (
            SELECT
            FROM fature.alert_rule AS r
            WHERE r.tenant = c.tenant AND r.metric_name = c.metric_name
        )
        OR EXISTS (
            SELECT
            FROM fature.alert_event AS e
            WHERE e.tenant = c.tenant AND e.metric_name = c.metric_name
        )
    )
GROUP BY c.tenant, c.metric_name;

-- name: is_any_figure_changed
-- Whether events may have to be decided again.
SELECT EXISTS (SELECT FROM fature.figure_change) AS changed;

-- name: mark_events_for_review
-- Those decided by figures that changed, once rollups have them: but for ten minutes they wait for no
-- refresh. There may be very many, where no loop took them for days: so many at once, those of a metric
-- that begin on the same day as one. What a rule compares with reaches back up to a year and a month.
WITH pending AS MATERIALIZED (
    SELECT
        since,
        until
    FROM fature.stale_range
    UNION ALL
    SELECT
        since,
        until
    FROM fature.rollup_pending
),

changes AS (
    DELETE FROM fature.figure_change AS c
    WHERE
        c.change_id IN (SELECT change_id FROM fature.figure_change ORDER BY change_id LIMIT 20000)
        AND (
            c.changed_at < now() - interval '10 minutes'
            OR NOT EXISTS (
                SELECT
                FROM pending AS p
                WHERE p.since <= c.until AND p.until >= c.since
            )
        )
    RETURNING c.tenant, c.metric_name, c.since, c.until
),

ranges AS (
    SELECT
        tenant,
        metric_name,
        min(since) AS since,
        max(until) AS until
    FROM changes
    GROUP BY tenant, metric_name, date_trunc('day', since, 'UTC')
),

touched AS (
    SELECT e.event_id
    FROM ranges AS c
    INNER JOIN fature.alert_event AS e
        ON c.tenant = e.tenant AND c.metric_name = e.metric_name AND c.since <= e.window_end
    WHERE
        NOT e.review_due
        -- A forecast is of what was known then.
        AND e.rule ->> 'type' IN ('threshold', 'change', 'anomaly')
        AND c.until >= e.window_start
        - make_interval(secs => (e.rule ->> 'for_seconds')::double precision)
        - CASE
            WHEN e.rule ->> 'compare' IS NULL THEN interval '0'
            ELSE interval '400 days'
        END
),

locked AS (
    SELECT e.event_id
    FROM fature.alert_event AS e
    WHERE e.event_id IN (SELECT event_id FROM touched)
    ORDER BY e.event_id
    FOR NO KEY UPDATE
)

UPDATE fature.alert_event AS e
SET review_due = TRUE
FROM locked AS l
WHERE e.event_id = l.event_id;

-- name: alert_events_to_review
-- Some of those whose figures may have changed, the newest first.
SELECT *
FROM fature.alert_event
WHERE review_due
ORDER BY event_id DESC
LIMIT %(limit)s;

-- name: note_reviewed_alert_events
-- They are decided by the figures as they are.
UPDATE fature.alert_event
SET review_due = FALSE
WHERE event_id = ANY(%(events)s::bigint []);

-- name: forget_retracted_states
-- Of events that would not have opened and are not over: their groups begin anew.
DELETE FROM fature.alert_state AS s
USING fature.alert_event AS e
WHERE
    e.event_id = ANY(%(events)s::bigint [])
    AND e.status <> 'resolved'
    AND e.rule_id = s.rule_id
    AND e.group_labels = s.group_labels;

-- name: correct_peaks
-- Where the worst value of an event is the one that was corrected, in what the loop remembers.
UPDATE fature.alert_state AS s
SET state = s.state || jsonb_build_object('peak', r.restated_value)
FROM jsonb_to_recordset(%(restatements)s::jsonb)
    AS r (event_id bigint, known_value double precision, restated_value double precision)
INNER JOIN fature.alert_event AS e ON r.event_id = e.event_id
WHERE
    e.status <> 'resolved'
    AND e.rule_id = s.rule_id
    AND e.group_labels = s.group_labels
    AND (s.state ->> 'peak')::double precision = r.known_value;

-- name: restate_alert_events
-- By the corrected figures; those that would not have opened are over.
UPDATE fature.alert_event AS e
SET
    review_due = FALSE,
    restated_at = %(at)s,
    restated_value = r.restated_value,
    peak_value = CASE
        WHEN e.peak_value = r.known_value THEN r.restated_value ELSE e.peak_value
    END,
    retracted = r.retracted,
    -- To be computed by the corrected figures.
    impact_at = NULL,
    status = CASE WHEN r.retracted THEN 'resolved' ELSE e.status END,
    resolved_at = CASE
        WHEN r.retracted AND e.status <> 'resolved' THEN %(at)s ELSE e.resolved_at
    END
FROM jsonb_to_recordset(%(restatements)s::jsonb) AS r (
    event_id bigint, known_value double precision, restated_value double precision,
    retracted boolean
)
WHERE e.event_id = r.event_id
RETURNING e.*;
