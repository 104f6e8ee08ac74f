-- name: add_alert_states
-- What became active, unless its rule was edited meanwhile or another session was first.
INSERT INTO fature.alert_state (rule_id, group_labels, version, state)
SELECT
    c.rule_id,
    c.group_labels,
    c.version,
    c.state
FROM jsonb_to_recordset(%(changes)s::jsonb)
    AS c (rule_id integer, group_labels jsonb, version integer, state jsonb)
INNER JOIN fature.alert_rule AS r
    ON c.rule_id = r.rule_id AND c.version = r.version AND r.is_active
ORDER BY c.rule_id, c.group_labels
ON CONFLICT DO NOTHING
RETURNING rule_id, group_labels;

-- name: change_alert_states
-- What is still as it was read.
UPDATE fature.alert_state AS s
SET state = c.state
FROM jsonb_to_recordset(%(changes)s::jsonb)
    AS c (rule_id integer, group_labels jsonb, version integer, state jsonb, was jsonb)
WHERE
    s.rule_id = c.rule_id
    AND s.group_labels = c.group_labels
    AND s.version = c.version
    AND s.state = c.was
RETURNING s.rule_id, s.group_labels;

-- name: drop_alert_states
-- What became inactive, where it is still as it was read.
DELETE FROM fature.alert_state AS s
USING jsonb_to_recordset(%(changes)s::jsonb)
    AS c (rule_id integer, group_labels jsonb, version integer, was jsonb)
WHERE
    s.rule_id = c.rule_id
    AND s.group_labels = c.group_labels
    AND s.version = c.version
    AND s.state = c.was
RETURNING s.rule_id, s.group_labels;

-- name: open_alert_events
-- One for each (rule, group) that has none which is not resolved.
INSERT INTO fature.alert_event (
    tenant, rule_id, rule_name, metric_name, condition, threshold_value, severity, value,
    peak_value, unit, aggregation, window_name, group_labels, window_start, window_end,
    opened_at, service_name, compared, rule
)
SELECT
    e.tenant,
    e.rule_id,
    e.rule_name,
    e.metric_name,
    e.condition,
    e.threshold_value,
    e.severity,
    e.value,
    e.peak_value,
    e.unit,
    e.aggregation,
    e.window_name,
    e.group_labels,
    e.window_start,
    e.window_end,
    e.opened_at,
    e.service_name,
    nullif(e.compared, 'null'),
    e.rule
FROM jsonb_to_recordset(%(events)s::jsonb) AS e (
    tenant text, rule_id integer, rule_name text, metric_name text, condition text,
    threshold_value double precision, severity text, value double precision,
    peak_value double precision, unit text, aggregation text, window_name text,
    group_labels jsonb, window_start timestamptz, window_end timestamptz,
    opened_at timestamptz, service_name text, compared jsonb, rule jsonb
)
ON CONFLICT (rule_id, group_labels) WHERE status <> 'resolved' DO NOTHING
RETURNING *;

-- name: raise_alert_peaks
-- The worst value of events that are not resolved.
UPDATE fature.alert_event AS e
SET peak_value = p.peak_value
FROM jsonb_to_recordset(%(peaks)s::jsonb)
    AS p (rule_id integer, group_labels jsonb, peak_value double precision)
WHERE
    e.rule_id = p.rule_id
    AND e.group_labels = p.group_labels
    AND e.status <> 'resolved'
    AND e.peak_value IS DISTINCT FROM p.peak_value;

-- name: resolve_alert_events
-- The events of some (rule, group), by themselves.
UPDATE fature.alert_event AS e
SET
    status = 'resolved',
    resolved_at = %(at)s
FROM jsonb_to_recordset(%(events)s::jsonb) AS g (rule_id integer, group_labels jsonb)
WHERE
    e.rule_id = g.rule_id
    AND e.group_labels = g.group_labels
    AND e.status <> 'resolved'
RETURNING e.*;

-- name: close_alert_events
-- Every event of a rule that is no longer what it was.
UPDATE fature.alert_event
SET
    status = 'resolved',
    resolved_at = %(at)s,
    resolved_by = %(actor)s
WHERE rule_id = %(rule_id)s AND status <> 'resolved'
RETURNING *;

-- name: keep_alert_states
-- Of a rule that was edited in what does not decide: they are those of the new version.
UPDATE fature.alert_state
SET version = %(version)s
WHERE rule_id = %(rule_id)s;

-- name: forget_alert_states
-- Of a rule that is no longer what it was.
DELETE FROM fature.alert_state
WHERE rule_id = %(rule_id)s;

-- name: stale_alert_rules
-- Rules with states of an earlier version, or that were deactivated.
SELECT DISTINCT
    r.rule_id,
    r.is_active
FROM fature.alert_state AS s
INNER JOIN fature.alert_rule AS r ON s.rule_id = r.rule_id
WHERE s.version <> r.version OR NOT r.is_active;

-- name: current_alert_events
-- The events of some (rule, group) that are not resolved.
SELECT e.*
FROM fature.alert_event AS e
INNER JOIN jsonb_to_recordset(%(events)s::jsonb) AS g (rule_id integer, group_labels jsonb)
    ON e.rule_id = g.rule_id AND e.group_labels = g.group_labels
WHERE e.status <> 'resolved';

-- name: add_alert_transitions
-- The history of events; at most one for each event at a time.
INSERT INTO fature.alert_transition (
    event_id, at, transition, reason, reason_message, actor, comment, value
)
SELECT
    t.event_id,
    t.at,
    t.transition,
    t.reason,
    t.reason_message,
    t.actor,
    t.comment,
    t.value
FROM jsonb_to_recordset(%(transitions)s::jsonb) AS t (
    event_id bigint, at timestamptz, transition text, reason text, reason_message jsonb,
    actor text, comment text, value double precision
)
RETURNING transition_id, event_id;

-- name: alert_silences_at
-- What is muted at an instant.
SELECT *
FROM fature.alert_silence
WHERE starts_at <= %(at)s AND (ends_at IS NULL OR ends_at > %(at)s);

-- name: add_alert_notifications
-- The outbox, written with what it tells of.
INSERT INTO fature.alert_notification (
    event_id, transition_id, rule_id, digest, channel, recipient, message, next_attempt_at,
    created_at
)
SELECT
    n.event_id,
    n.transition_id,
    n.rule_id,
    n.digest,
    n.channel,
    n.recipient,
    n.message,
    n.at,
    n.at
FROM jsonb_to_recordset(%(notifications)s::jsonb) AS n (
    event_id bigint, transition_id bigint, rule_id integer, digest bigint [], channel text,
    recipient text, message jsonb, at timestamptz
)
ON CONFLICT DO NOTHING;

-- name: alert_event_targets
-- Who was notified of some events, also among others.
SELECT
    e.event_id,
    n.channel,
    n.recipient
FROM unnest(%(events)s::bigint []) AS e (event_id)
INNER JOIN fature.alert_notification AS n ON e.event_id = n.event_id AND n.digest IS NULL
UNION
SELECT
    e.event_id,
    n.channel,
    n.recipient
FROM unnest(%(events)s::bigint []) AS e (event_id)
INNER JOIN fature.alert_notification AS n ON n.digest @> ARRAY[e.event_id];

-- name: record_alert_errors
-- What keeps rules from being judged, since when, and whether their recipients know; NULL where
-- nothing does any more. Locked in order: while one loop takes over from another, both may write, and
-- what a rule's recipients are notified of is written by the one that was first.
WITH changed AS (
    SELECT
        r.rule_id,
        e.last_error,
        e.last_error_message,
        e.failing_since,
        e.failure_notified_at
    FROM fature.alert_rule AS r
    INNER JOIN jsonb_to_recordset(%(errors)s::jsonb) AS e (
        rule_id integer, last_error text, last_error_message jsonb, failing_since timestamptz,
        failure_notified_at timestamptz, was_notified_at timestamptz
    )
        ON r.rule_id = e.rule_id
    WHERE r.failure_notified_at IS NOT DISTINCT FROM e.was_notified_at
    ORDER BY r.rule_id
    FOR NO KEY UPDATE OF r
)

UPDATE fature.alert_rule AS r
SET
    last_error = c.last_error,
    last_error_message = c.last_error_message,
    failing_since = c.failing_since,
    failure_notified_at = c.failure_notified_at
FROM changed AS c
WHERE r.rule_id = c.rule_id
RETURNING r.rule_id;

-- name: record_alert_evaluation
-- Now and then, so that an operator sees the loop is alive. Locked in order, too.
WITH evaluated AS (
    SELECT rule_id
    FROM fature.alert_rule
    WHERE rule_id = ANY(%(rules)s::integer [])
    ORDER BY rule_id
    FOR NO KEY UPDATE
)

UPDATE fature.alert_rule AS r
SET last_evaluated_at = %(at)s
FROM evaluated AS e
WHERE r.rule_id = e.rule_id;
