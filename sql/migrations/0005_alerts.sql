-- Alert rules, their state, events with history, silences, and the outbox of notifications.

CREATE TABLE fature.alert_rule (
    rule_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL DEFAULT 'default',
    rule_name text NOT NULL,
    metric_name text NOT NULL,
    condition text NOT NULL CHECK (condition IN ('>', '<', '>=', '<=', '==', '!=')),
    threshold_value double precision NOT NULL,
    severity text NOT NULL CHECK (severity IN ('low', 'medium', 'high', 'critical')),
    notification_channels text[] NOT NULL DEFAULT '{}',
    notification_recipients text[] NOT NULL DEFAULT '{}',
    is_active boolean NOT NULL DEFAULT TRUE,
    -- NULL follows the catalogue, also when its entry changes later.
    aggregation text,
    window_name text,
    service_name text,
    affiliate_id text,
    region text,
    group_by text[] NOT NULL DEFAULT '{}',
    for_seconds double precision NOT NULL DEFAULT 0,
    keep_firing_seconds double precision NOT NULL DEFAULT 0,
    repeat_seconds double precision,
    recovery_threshold double precision,
    no_data text NOT NULL DEFAULT 'ignore' CHECK (no_data IN ('ignore', 'alert', 'resolve')),
    description text NOT NULL DEFAULT '',
    -- Raised by every edit: states and events of an earlier version are closed.
    version integer NOT NULL DEFAULT 1,
    last_evaluated_at timestamptz,
    last_error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant, rule_name)
);
COMMENT ON TABLE fature.alert_rule IS 'What is watched, and whom to tell.';

CREATE TABLE fature.alert_state (
    rule_id integer NOT NULL REFERENCES fature.alert_rule ON DELETE CASCADE,
    -- The group's labels as a JSON object; {} for an ungrouped rule.
    group_labels jsonb NOT NULL,
    version integer NOT NULL,
    state jsonb NOT NULL,
    PRIMARY KEY (rule_id, group_labels)
);
COMMENT ON TABLE fature.alert_state IS
'What the decision function remembers of each (rule, group) between ticks.';

CREATE TABLE fature.alert_event (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL,
    rule_id integer REFERENCES fature.alert_rule ON DELETE SET NULL,
    -- What the rule was when the event opened.
    rule_name text NOT NULL,
    metric_name text NOT NULL,
    condition text NOT NULL,
    threshold_value double precision NOT NULL,
    severity text NOT NULL,
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'acknowledged', 'resolved')),
    value double precision,
    peak_value double precision,
    unit text,
    aggregation text NOT NULL,
    window_name text NOT NULL,
    group_labels jsonb NOT NULL DEFAULT '{}',
    window_start timestamptz,
    window_end timestamptz,
    opened_at timestamptz NOT NULL,
    acknowledged_at timestamptz,
    acknowledged_by text,
    comment text,
    resolved_at timestamptz,
    resolved_by text
);
CREATE UNIQUE INDEX alert_event_open ON fature.alert_event (rule_id, group_labels)
WHERE status <> 'resolved';
CREATE INDEX alert_event_by_time ON fature.alert_event (tenant, opened_at DESC, event_id DESC);
CREATE INDEX alert_event_resolved ON fature.alert_event (resolved_at)
WHERE status = 'resolved';
COMMENT ON TABLE fature.alert_event IS
'What happened: at most one event that is not resolved for each (rule, group).';

CREATE TABLE fature.alert_transition (
    transition_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id bigint NOT NULL REFERENCES fature.alert_event ON DELETE CASCADE,
    at timestamptz NOT NULL,
    -- opened, acknowledged, resolved, repeated
    transition text NOT NULL,
    reason text NOT NULL,
    actor text,
    comment text,
    value double precision
);
CREATE INDEX alert_transition_by_event ON fature.alert_transition (event_id, transition_id);
COMMENT ON TABLE fature.alert_transition IS 'History of each event, with reasons.';

CREATE TABLE fature.alert_silence (
    silence_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL DEFAULT 'default',
    rule_id integer REFERENCES fature.alert_rule ON DELETE CASCADE,
    metric_name text,
    severity text,
    service_name text,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at > starts_at),
    comment text NOT NULL DEFAULT '',
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE fature.alert_silence IS
'Mutes the notifications of rules that match every column that is not NULL.';

CREATE TABLE fature.alert_notification (
    -- Also the delivery id that receivers see: the same on every attempt.
    notification_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    event_id bigint NOT NULL REFERENCES fature.alert_event ON DELETE CASCADE,
    transition_id bigint NOT NULL REFERENCES fature.alert_transition ON DELETE CASCADE,
    channel text NOT NULL CHECK (channel IN ('email', 'slack', 'webhook', 'sms')),
    -- Empty stands for the configured default of the channel.
    recipient text NOT NULL DEFAULT '',
    -- What is sent, as it was when it was decided.
    message jsonb NOT NULL,
    status text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'sent', 'dead')),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (transition_id, channel, recipient)
);
CREATE INDEX alert_notification_due ON fature.alert_notification (next_attempt_at)
WHERE status = 'waiting';
CREATE INDEX alert_notification_by_event ON fature.alert_notification (event_id);
COMMENT ON TABLE fature.alert_notification IS
'Outbox: written with the state change, delivered at least once.';

CREATE TABLE fature.alert_delivery (
    delivery_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    notification_id uuid NOT NULL REFERENCES fature.alert_notification ON DELETE CASCADE,
    attempted_at timestamptz NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('sent', 'failed', 'dead')),
    detail text NOT NULL,
    duration_ms double precision NOT NULL
);
CREATE INDEX alert_delivery_by_notification ON fature.alert_delivery (notification_id);
COMMENT ON TABLE fature.alert_delivery IS 'Each attempt and what came of it; never a secret.';

-- The five rules of the platform. Installed once: one that an operator deletes stays away.
INSERT INTO fature.alert_rule (
    rule_name, metric_name, condition, threshold_value, severity, notification_channels,
    description
)
VALUES
(
    'Hourly revenue is low', 'revenue_hourly', '<', 1500, 'medium', '{email,slack}',
    'Revenue of the last whole hour is below 1500 BRL.'
),
(
    'API response time is high', 'api_response_time', '>', 250, 'high', '{slack,webhook}',
    'The mean response time of the last five minutes is above 250 ms.'
),
(
    'Conversion rate is low', 'conversion_rate', '<', 3, 'medium', '{email}',
    'The conversion rate of the last whole hour is below 3 %.'
),
(
    'Commission paid is high', 'commission_paid', '>', 500, 'low', '{email}',
    'More than 500 BRL of commission were paid in an hour.'
),
(
    'Active users are low', 'active_users', '<', 75, 'medium', '{email,slack}',
    'Fewer than 75 users are active.'
);
