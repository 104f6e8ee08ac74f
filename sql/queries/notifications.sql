-- name: claim_notifications
-- Due notifications of one channel, oldest first, taken until the lease ends: a worker that
-- dies leaves them due again. What an event has to say to a recipient stays in order, so a
-- later transition waits for an earlier one.
WITH due AS MATERIALIZED (
    SELECT n.notification_id
    FROM fature.alert_notification AS n
    WHERE
        n.status = 'waiting'
        AND n.channel = %(channel)s
        AND n.next_attempt_at <= %(now)s::timestamptz
        AND NOT EXISTS (
            SELECT 1
            FROM fature.alert_notification AS earlier
            WHERE
                earlier.event_id = n.event_id
                AND earlier.channel = n.channel
                AND earlier.recipient = n.recipient
                AND earlier.status = 'waiting'
                AND earlier.transition_id < n.transition_id
        )
    ORDER BY n.next_attempt_at, n.transition_id
    LIMIT %(limit)s
    FOR UPDATE OF n SKIP LOCKED
)

UPDATE fature.alert_notification AS claimed
SET
    attempts = claimed.attempts + 1,
    next_attempt_at = %(lease_ends)s::timestamptz
FROM due
WHERE claimed.notification_id = due.notification_id
RETURNING
    claimed.notification_id,
    claimed.event_id,
    claimed.channel,
    claimed.recipient,
    claimed.message,
    claimed.attempts,
    (
        SELECT first.notification_id
        FROM fature.alert_notification AS first
        WHERE
            first.event_id = claimed.event_id
            AND first.channel = claimed.channel
            AND first.recipient = claimed.recipient
        ORDER BY first.transition_id
        LIMIT 1
    ) AS thread_id;

-- name: record_delivery
-- What came of an attempt. A worker that overran its lease may still report success, but
-- not put back what another has claimed since.
WITH attempt AS (
    INSERT INTO fature.alert_delivery (
        notification_id, attempted_at, outcome, detail, duration_ms
    )
    VALUES (
        %(notification_id)s, %(attempted_at)s, %(outcome)s, %(detail)s, %(duration_ms)s
    )
)

UPDATE fature.alert_notification
SET
    status = %(status)s,
    next_attempt_at = coalesce(%(next_attempt_at)s::timestamptz, next_attempt_at)
WHERE
    notification_id = %(notification_id)s
    AND status = 'waiting'
    AND (%(status)s = 'sent' OR attempts = %(attempt)s);
