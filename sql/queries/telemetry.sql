-- name: open_events
-- Alert events that are not resolved, by severity.
SELECT
    severity,
    count(*) AS events
FROM fature.alert_event
WHERE status <> 'resolved'
GROUP BY severity;

-- name: alert_rules_state
-- Active rules, those that cannot be judged, and when the loop last judged any.
SELECT
    count(*) FILTER (WHERE r.is_active) AS active,
    count(*) FILTER (WHERE r.is_active AND r.last_error IS NOT NULL) AS broken,
    max(r.last_evaluated_at) AS last_evaluated_at
FROM fature.alert_rule AS r;

-- name: notifications_by_status
-- The outbox: waiting, sent and dead notifications of each channel.
SELECT
    channel,
    status,
    count(*) AS notifications
FROM fature.alert_notification
GROUP BY channel, status;

-- name: oldest_sample
-- One index look-up, or the oldest chunk.
SELECT min(ts) AS oldest FROM {samples};
