-- Reasons of alerts as messages with their values, for readers of every language; new fields of
-- rules; notifications that are about a rule or about many events; channels that are held back.

ALTER TABLE fature.alert_transition ADD COLUMN reason_message jsonb;
COMMENT ON COLUMN fature.alert_transition.reason_message IS
'The reason as a message: its English text and the values in it. reason is the same in English.';

ALTER TABLE fature.alert_delivery ADD COLUMN detail_message jsonb;
COMMENT ON COLUMN fature.alert_delivery.detail_message IS
'The detail as a message: its English text and the values in it.';

ALTER TABLE fature.alert_rule
ADD COLUMN last_error_message jsonb,
ADD COLUMN failing_since timestamptz,
ADD COLUMN failure_notified_at timestamptz,
ADD COLUMN unit text,
ADD COLUMN filters jsonb NOT NULL DEFAULT '{}',
ADD COLUMN settle_seconds double precision NOT NULL DEFAULT 60,
ADD COLUMN retire_seconds double precision NOT NULL DEFAULT 2592000,
ADD COLUMN digest_over integer NOT NULL DEFAULT 5;
COMMENT ON COLUMN fature.alert_rule.last_error_message IS 'last_error as a message.';
COMMENT ON COLUMN fature.alert_rule.failing_since IS 'Since when it cannot be judged.';
COMMENT ON COLUMN fature.alert_rule.failure_notified_at IS
'When its recipients were notified that it cannot be judged.';
COMMENT ON COLUMN fature.alert_rule.unit IS 'Only series of this unit; NULL: the catalogue''s.';
COMMENT ON COLUMN fature.alert_rule.filters IS 'Only series that have these dimensions.';
COMMENT ON COLUMN fature.alert_rule.settle_seconds IS
'How long after its end a period is judged.';
COMMENT ON COLUMN fature.alert_rule.retire_seconds IS
'A group without samples for that long is not judged.';
COMMENT ON COLUMN fature.alert_rule.digest_over IS
'More transitions in one tick than this are one notification to each recipient.';

-- What is there becomes a message without values, or where the text shows them one with them.
UPDATE fature.alert_transition
SET reason_message = jsonb_build_object('type', 'message', 'text', reason);

UPDATE fature.alert_transition AS t
SET
    reason_message = jsonb_build_object(
        'type', 'message',
        'text', m.part[1] || ' by {name}',
        'values', jsonb_build_object('name', m.part[2])
    )
FROM (
    SELECT
        transition_id,
        regexp_match(reason, '^(Acknowledged|Resolved) by (.+)$') AS part
    FROM fature.alert_transition
) AS m
WHERE t.transition_id = m.transition_id AND m.part IS NOT NULL;

UPDATE fature.alert_transition AS t
SET
    reason_message = jsonb_build_object(
        'type', 'message',
        'text',
        '{aggregation} of {metric} is {value}, ' || coalesce(m.part[5], '') || '{condition} {bound}',
        'values',
        jsonb_build_object(
            'aggregation', jsonb_build_object('type', 'term', 'text', m.part[1]),
            'metric', m.part[2],
            'value',
            jsonb_build_object(
                'type', 'quantity', 'value', m.part[3]::double precision, 'unit', m.part[4]
            ),
            'condition', jsonb_build_object('type', 'term', 'text', m.part[6]),
            'bound',
            jsonb_build_object('type', 'quantity', 'value', m.part[7]::double precision)
        )
    )
FROM (
    SELECT
        transition_id,
        regexp_match(
            reason,
            '^(sum|avg|min|max|count|last) of ([A-Za-z0-9_.:-]+) is (-?[0-9.]+)(?: ([^,]+))?, '
            '(not )?(above|below|at or above|at or below|equal to|different from) (-?[0-9.]+)$'
        ) AS part
    FROM fature.alert_transition
) AS m
WHERE t.transition_id = m.transition_id AND m.part IS NOT NULL;

UPDATE fature.alert_delivery
SET detail_message = jsonb_build_object('type', 'message', 'text', detail);

UPDATE fature.alert_rule
SET last_error_message = jsonb_build_object('type', 'message', 'text', last_error)
WHERE last_error IS NOT NULL;

-- Totals of a period that arrive some minutes after it: the rules that come with the service wait
-- for them, where nobody has edited them.
UPDATE fature.alert_rule
SET settle_seconds = 600
WHERE
    tenant = 'default'
    AND version = 1
    AND (rule_name, metric_name, condition, threshold_value) IN (
        ('Hourly revenue is low', 'revenue_hourly', '<', 1500),
        ('API response time is high', 'api_response_time', '>', 250),
        ('Conversion rate is low', 'conversion_rate', '<', 3),
        ('Commission paid is high', 'commission_paid', '>', 500),
        ('Active users are low', 'active_users', '<', 75)
    );

-- One that cannot be judged, and many events at once, are told of in one notification each.
ALTER TABLE fature.alert_notification
ADD COLUMN rule_id integer REFERENCES fature.alert_rule ON DELETE SET NULL,
ADD COLUMN digest bigint[],
ALTER COLUMN event_id DROP NOT NULL,
ALTER COLUMN transition_id DROP NOT NULL;
COMMENT ON COLUMN fature.alert_notification.event_id IS
'The event, of many the worst; NULL where it is about the rule itself.';
COMMENT ON COLUMN fature.alert_notification.rule_id IS 'The rule; NULL once that is deleted.';
COMMENT ON COLUMN fature.alert_notification.digest IS
'The events that it is about where they are many; transition_id is the last of theirs.';
CREATE INDEX alert_notification_waiting ON fature.alert_notification (
    rule_id, channel, recipient, transition_id
)
WHERE status = 'waiting' AND rule_id IS NOT NULL;
CREATE INDEX alert_notification_digest ON fature.alert_notification USING gin (digest)
WHERE digest IS NOT NULL;
CREATE INDEX alert_notification_dead ON fature.alert_notification (created_at)
WHERE status = 'dead';

CREATE TABLE fature.alert_channel_hold (
    channel text NOT NULL,
    -- The host that a URL leads to; empty where all recipients of a channel share one.
    target text NOT NULL,
    held_until timestamptz NOT NULL,
    PRIMARY KEY (channel, target)
);
COMMENT ON TABLE fature.alert_channel_hold IS
'Receivers that said 429: nothing is sent to them until then, and afterwards one at a time.';
