-- name: list_alert_rules
-- The rules of a tenant, newest first; a key of one service sees that service's.
SELECT *
FROM fature.alert_rule
WHERE
    tenant = %(tenant)s
    AND (%(only_service)s::text IS NULL OR service_name = %(only_service)s)
ORDER BY rule_id DESC;

-- name: alert_rule
-- One rule.
SELECT *
FROM fature.alert_rule
WHERE
    tenant = %(tenant)s
    AND rule_id = %(rule_id)s
    AND (%(only_service)s::text IS NULL OR service_name = %(only_service)s);

-- name: alert_rule_for_update
-- One rule, while it is edited.
SELECT *
FROM fature.alert_rule
WHERE
    tenant = %(tenant)s
    AND rule_id = %(rule_id)s
    AND (%(only_service)s::text IS NULL OR service_name = %(only_service)s)
FOR UPDATE;

-- name: insert_alert_rule
-- Nothing where the name is taken.
INSERT INTO fature.alert_rule (
    tenant, rule_name, metric_name, condition, threshold_value, severity,
    notification_channels, notification_recipients, is_active, aggregation, window_name,
    service_name, affiliate_id, region, group_by, for_seconds, keep_firing_seconds,
    repeat_seconds, recovery_threshold, no_data, description, unit, filters, settle_seconds,
    retire_seconds, digest_over, type, compare, change, min_samples, schedule, direction, sensitivity,
    alerts_per_month
)
VALUES (
    %(tenant)s, %(rule_name)s, %(metric_name)s, %(condition)s, %(threshold_value)s,
    %(severity)s, %(notification_channels)s::text [], %(notification_recipients)s::text [],
    %(is_active)s, %(aggregation)s, %(window_name)s, %(service_name)s, %(affiliate_id)s,
    %(region)s, %(group_by)s::text [], %(for_seconds)s, %(keep_firing_seconds)s,
    %(repeat_seconds)s, %(recovery_threshold)s, %(no_data)s, %(description)s, %(unit)s,
    %(filters)s::jsonb, %(settle_seconds)s, %(retire_seconds)s, %(digest_over)s, %(type)s,
    %(compare)s, %(change)s, %(min_samples)s, nullif(%(schedule)s::jsonb, 'null'),
    %(direction)s, %(sensitivity)s, %(alerts_per_month)s
)
ON CONFLICT (tenant, rule_name) DO NOTHING
RETURNING *;

-- name: update_alert_rule
-- A new version.
UPDATE fature.alert_rule
SET
    rule_name = %(rule_name)s,
    metric_name = %(metric_name)s,
    condition = %(condition)s,
    threshold_value = %(threshold_value)s,
    severity = %(severity)s,
    notification_channels = %(notification_channels)s::text [],
    notification_recipients = %(notification_recipients)s::text [],
    is_active = %(is_active)s,
    aggregation = %(aggregation)s,
    window_name = %(window_name)s,
    service_name = %(service_name)s,
    affiliate_id = %(affiliate_id)s,
    region = %(region)s,
    group_by = %(group_by)s::text [],
    for_seconds = %(for_seconds)s,
    keep_firing_seconds = %(keep_firing_seconds)s,
    repeat_seconds = %(repeat_seconds)s,
    recovery_threshold = %(recovery_threshold)s,
    no_data = %(no_data)s,
    description = %(description)s,
    unit = %(unit)s,
    filters = %(filters)s::jsonb,
    settle_seconds = %(settle_seconds)s,
    retire_seconds = %(retire_seconds)s,
    digest_over = %(digest_over)s,
    type = %(type)s,
    compare = %(compare)s,
    change = %(change)s,
    direction = %(direction)s,
    sensitivity = %(sensitivity)s,
    alerts_per_month = %(alerts_per_month)s,
    min_samples = %(min_samples)s,
    schedule = nullif(%(schedule)s::jsonb, 'null'),
    version = version + 1,
    last_error = NULL,
    last_error_message = NULL,
    updated_at = now()
WHERE rule_id = %(rule_id)s
RETURNING *;

-- name: delete_alert_rule_notifications
-- What is about the rule itself goes with it.
DELETE FROM fature.alert_notification
WHERE rule_id = %(rule_id)s AND event_id IS NULL;

-- name: delete_alert_rule
-- Its events stay.
DELETE FROM fature.alert_rule
WHERE rule_id = %(rule_id)s;

-- name: list_alert_events
-- A page of events, newest first.
SELECT e.*
FROM fature.alert_event AS e
WHERE
    e.tenant = %(tenant)s
    AND (%(only_service)s::text IS NULL OR e.service_name = %(only_service)s)
    AND (%(status)s::text IS NULL OR e.status = %(status)s)
    AND (%(severity)s::text IS NULL OR e.severity = %(severity)s)
    AND (%(rule_id)s::bigint IS NULL OR e.rule_id = %(rule_id)s)
    AND (%(metric_names)s::text [] IS NULL OR e.metric_name = ANY(%(metric_names)s))
    AND e.opened_at >= %(since)s::timestamptz
    AND e.opened_at < %(before)s::timestamptz
    AND (e.opened_at, e.event_id) < (%(cursor_at)s::timestamptz, %(cursor_id)s::bigint)
ORDER BY e.opened_at DESC, e.event_id DESC
LIMIT %(limit)s;

-- name: firing_rules
-- The rules that have an event which is not resolved.
SELECT DISTINCT e.rule_id
FROM fature.alert_event AS e
WHERE
    e.tenant = %(tenant)s
    AND e.status <> 'resolved'
    AND e.rule_id IS NOT NULL
    AND (%(only_service)s::text IS NULL OR e.service_name = %(only_service)s);

-- name: alert_event
-- One event.
SELECT e.*
FROM fature.alert_event AS e
WHERE
    e.tenant = %(tenant)s
    AND e.event_id = %(event_id)s
    AND (%(only_service)s::text IS NULL OR e.service_name = %(only_service)s);

-- name: alert_event_for_update
-- One event, while it is changed.
SELECT e.*
FROM fature.alert_event AS e
WHERE
    e.tenant = %(tenant)s
    AND e.event_id = %(event_id)s
    AND (%(only_service)s::text IS NULL OR e.service_name = %(only_service)s)
FOR UPDATE;

-- name: alert_events_by_id
-- Which of some events there are.
SELECT e.event_id
FROM fature.alert_event AS e
WHERE
    e.tenant = %(tenant)s
    AND e.event_id = ANY(%(events)s::bigint [])
    AND (%(only_service)s::text IS NULL OR e.service_name = %(only_service)s);

-- name: alert_states_for_update
-- What the loop remembers of the (rule, group) of some events.
SELECT
    s.rule_id,
    s.group_labels,
    s.state::text AS state
FROM fature.alert_state AS s
INNER JOIN fature.alert_event AS e
    ON s.rule_id = e.rule_id AND s.group_labels = e.group_labels
WHERE e.event_id = ANY(%(events)s::bigint []) AND e.status <> 'resolved'
ORDER BY s.rule_id, s.group_labels
FOR UPDATE OF s;

-- name: alert_events_for_update
-- Those of some events that are in one of these statuses, while they are changed.
SELECT e.*
FROM fature.alert_event AS e
WHERE
    e.event_id = ANY(%(events)s::bigint [])
    AND e.status = ANY(%(statuses)s::text [])
    AND e.rule_id IS NOT NULL
ORDER BY e.event_id
FOR UPDATE;

-- name: acknowledge_alert_events
-- Somebody looks after them.
UPDATE fature.alert_event
SET
    status = 'acknowledged',
    acknowledged_at = %(at)s,
    acknowledged_by = %(actor)s,
    comment = coalesce(%(comment)s, comment)
WHERE event_id = ANY(%(events)s::bigint [])
RETURNING *;

-- name: resolve_chosen_alert_events
-- By a person.
UPDATE fature.alert_event
SET
    status = 'resolved',
    resolved_at = %(at)s,
    resolved_by = %(actor)s,
    comment = coalesce(%(comment)s, comment)
WHERE event_id = ANY(%(events)s::bigint [])
RETURNING *;

-- name: set_alert_states
-- By a person; the loop sees that they are not as it read them.
UPDATE fature.alert_state AS s
SET state = c.state
FROM jsonb_to_recordset(%(changes)s::jsonb)
    AS c (rule_id integer, group_labels jsonb, state jsonb)
WHERE s.rule_id = c.rule_id AND s.group_labels = c.group_labels;

-- name: acknowledge_alert_event
-- Somebody looks after it.
UPDATE fature.alert_event
SET
    status = 'acknowledged',
    acknowledged_at = %(at)s,
    acknowledged_by = %(actor)s,
    comment = coalesce(%(comment)s, comment)
WHERE event_id = %(event_id)s
RETURNING *;

-- name: resolve_alert_event
-- By a person.
UPDATE fature.alert_event
SET
    status = 'resolved',
    resolved_at = %(at)s,
    resolved_by = %(actor)s,
    comment = coalesce(%(comment)s, comment)
WHERE event_id = %(event_id)s
RETURNING *;

-- name: alert_state_for_update
-- What the loop remembers of an event's (rule, group).
SELECT state::text AS state
FROM fature.alert_state
WHERE rule_id = %(rule_id)s AND group_labels = %(group_labels)s::jsonb
FOR UPDATE;

-- name: set_alert_state
-- By a person; the loop sees that it is not as it read it.
UPDATE fature.alert_state
SET state = %(state)s::jsonb
WHERE rule_id = %(rule_id)s AND group_labels = %(group_labels)s::jsonb;

-- name: alert_transitions
-- The history of an event, oldest first.
SELECT
    at,
    transition,
    reason,
    reason_message::text AS reason_message,
    actor,
    comment,
    value
FROM fature.alert_transition
WHERE event_id = %(event_id)s
ORDER BY transition_id;

-- name: alert_deliveries
-- What was to be sent of an event, also among others, and every attempt, newest first; one row
-- without an attempt for what still waits for its first.
SELECT
    n.notification_id,
    n.transition_id,
    CASE WHEN n.digest IS NULL THEN t.transition ELSE 'digest' END AS transition,
    n.channel,
    n.recipient,
    n.status,
    n.attempts,
    CASE WHEN n.status = 'waiting' THEN n.next_attempt_at END AS next_attempt_at,
    n.created_at,
    d.attempted_at,
    d.outcome,
    d.detail,
    d.detail_message::text AS detail_message,
    d.duration_ms
FROM (
    SELECT *
    FROM fature.alert_notification
    WHERE event_id = %(event_id)s
    UNION
    SELECT *
    FROM fature.alert_notification
    WHERE digest @> ARRAY[%(event_id)s::bigint]
) AS n
INNER JOIN fature.alert_transition AS t ON n.transition_id = t.transition_id
LEFT JOIN fature.alert_delivery AS d ON n.notification_id = d.notification_id
ORDER BY coalesce(d.attempted_at, n.created_at) DESC, d.delivery_id DESC, n.transition_id DESC
LIMIT 10000;

-- name: list_alert_silences
-- The silences of a tenant, newest first; a key of one service sees that service's.
SELECT *
FROM fature.alert_silence
WHERE
    tenant = %(tenant)s
    AND (%(only_service)s::text IS NULL OR service_name = %(only_service)s)
ORDER BY silence_id DESC;

-- name: insert_alert_silence
-- From now on, what matches tells nobody.
INSERT INTO fature.alert_silence (
    tenant, rule_id, metric_name, severity, service_name, group_labels, schedule, starts_at,
    ends_at, comment, created_by
)
VALUES (
    %(tenant)s, %(rule_id)s, %(metric_name)s, %(severity)s, %(service_name)s,
    %(group)s::jsonb, nullif(%(schedule)s::jsonb, 'null'), %(starts_at)s, %(ends_at)s,
    %(comment)s, %(created_by)s
)
RETURNING *;

-- name: delete_alert_silence
-- It ends now.
DELETE FROM fature.alert_silence
WHERE
    tenant = %(tenant)s
    AND silence_id = %(silence_id)s
    AND (%(only_service)s::text IS NULL OR service_name = %(only_service)s)
RETURNING *;
