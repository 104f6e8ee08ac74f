-- name: claim_notifications
-- Due notifications of one channel, oldest first, taken until the lease ends: a worker that
-- dies leaves them due again. What an event has to say to a recipient stays in order, so a
-- later transition waits for an earlier one; so does what a rule says in a digest. Receivers that
-- are held back get nothing; those that were not long ago are asked for apart from the others.
WITH due AS MATERIALIZED (
    SELECT n.notification_id
    FROM fature.alert_notification AS n
    LEFT JOIN fature.alert_channel_hold AS h
        ON
            n.channel = h.channel
            AND h.target = CASE
                WHEN NOT %(by_host)s THEN ''
                WHEN n.recipient = '' THEN %(default_target)s
                ELSE lower(substring(n.recipient FROM '^[^:]+://(?:[^/?#@]*@)?([^/?#]*)'))
            END
            AND h.held_until > %(careful_since)s::timestamptz
    WHERE
        n.status = 'waiting'
        AND n.channel = %(channel)s
        AND n.next_attempt_at <= %(now)s::timestamptz
        AND (h.held_until IS NOT NULL) = %(limited)s
        AND (h.held_until IS NULL OR h.held_until <= %(now)s::timestamptz)
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
        AND NOT EXISTS (
            SELECT 1
            FROM fature.alert_notification AS earlier
            WHERE
                earlier.rule_id = n.rule_id
                AND earlier.channel = n.channel
                AND earlier.recipient = n.recipient
                AND earlier.status = 'waiting'
                AND earlier.transition_id < n.transition_id
                AND (earlier.digest IS NOT NULL OR n.digest IS NOT NULL)
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
    claimed.created_at,
    CASE
        WHEN claimed.channel = 'email'
            THEN (
                SELECT u.language
                FROM fature.api_user AS u
                WHERE lower(u.email) = lower(claimed.recipient) AND u.active
            )
    END AS language,
    coalesce(
        (
            SELECT first.notification_id
            FROM fature.alert_notification AS first
            WHERE
                first.event_id = claimed.event_id
                AND first.channel = claimed.channel
                AND first.recipient = claimed.recipient
            ORDER BY first.transition_id
            LIMIT 1
        ),
        claimed.notification_id
    ) AS thread_id;

-- name: record_delivery
-- What came of an attempt. A worker that overran its lease may still report success, but
-- not put back what another has claimed since.
WITH attempt AS (
    INSERT INTO fature.alert_delivery (
        notification_id, attempted_at, outcome, detail, detail_message, duration_ms
    )
    VALUES (
        %(notification_id)s, %(attempted_at)s, %(outcome)s, %(detail)s,
        %(detail_message)s::jsonb, %(duration_ms)s
    )
)

UPDATE fature.alert_notification
SET
    status = %(status)s,
    attempts = CASE WHEN %(counts)s THEN attempts ELSE attempts - 1 END,
    next_attempt_at = coalesce(%(next_attempt_at)s::timestamptz, next_attempt_at)
WHERE
    notification_id = %(notification_id)s
    AND status = 'waiting'
    AND (%(status)s = 'sent' OR attempts = %(attempt)s);

-- name: hold_channel
-- A receiver wants nothing until then.
INSERT INTO fature.alert_channel_hold (channel, target, held_until)
VALUES (%(channel)s, %(target)s, %(until)s)
ON CONFLICT (channel, target) DO UPDATE
SET held_until = greatest(alert_channel_hold.held_until, excluded.held_until);

-- name: dead_notifications
-- Of a tenant, those that never arrived since an instant: how many, and the newest event.
SELECT
    count(*) AS number,
    max(coalesce(n.event_id, n.digest[1])) AS event_id,
    max(n.created_at) AS created_at
FROM fature.alert_notification AS n
LEFT JOIN fature.alert_event AS e ON n.event_id = e.event_id
LEFT JOIN fature.alert_rule AS r ON n.rule_id = r.rule_id
WHERE
    n.status = 'dead'
    AND n.created_at >= %(since)s
    AND coalesce(e.tenant, r.tenant) = %(tenant)s
    AND (
        %(only_service)s::text IS NULL
        OR coalesce(e.service_name, r.service_name) = %(only_service)s
    );
