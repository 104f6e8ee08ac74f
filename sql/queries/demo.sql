-- name: add_past_alert_events
-- Events of the demo that are over: what its rules would have opened. Those that are there
-- already are left alone, so that a second run adds nothing twice.
INSERT INTO fature.alert_event (
    tenant, rule_id, rule_name, metric_name, condition, threshold_value, severity, status, value,
    peak_value, unit, aggregation, window_name, group_labels, window_start, window_end, opened_at,
    acknowledged_at, acknowledged_by, comment, resolved_at, compared
)
SELECT
    r.tenant,
    r.rule_id,
    r.rule_name,
    r.metric_name,
    e.condition,
    e.threshold_value,
    r.severity,
    'resolved',
    e.value,
    e.peak_value,
    e.unit,
    e.aggregation,
    e.window_name,
    e.group_labels,
    e.window_start,
    e.window_end,
    e.opened_at,
    e.acknowledged_at,
    e.acknowledged_by,
    e.comment,
    e.resolved_at,
    nullif(e.compared, 'null')
FROM jsonb_to_recordset(%(events)s::jsonb) AS e (
    rule_id integer, condition text, threshold_value double precision, value double precision,
    peak_value double precision, unit text, aggregation text, window_name text,
    group_labels jsonb, window_start timestamptz, window_end timestamptz, opened_at timestamptz,
    acknowledged_at timestamptz, acknowledged_by text, comment text, resolved_at timestamptz,
    compared jsonb
)
INNER JOIN fature.alert_rule AS r ON e.rule_id = r.rule_id
WHERE
    NOT EXISTS (
        SELECT
        FROM fature.alert_event AS known
        WHERE
            known.rule_id = e.rule_id
            AND known.group_labels = e.group_labels
            AND known.opened_at <= e.resolved_at
            AND coalesce(known.resolved_at, now()) >= e.opened_at
    )
RETURNING event_id;

-- name: add_past_health_reports
-- Reports of the demo's services; none of a service that reported in that time itself.
INSERT INTO fature.service_health (
    ts, tenant, service_name, status, response_time_ms, error_rate, cpu_usage, memory_usage,
    version, uptime_seconds
)
SELECT
    h.ts,
    %(tenant)s,
    h.service_name,
    h.status,
    h.response_time_ms,
    h.error_rate,
    h.cpu_usage,
    h.memory_usage,
    h.version,
    h.uptime_seconds
FROM jsonb_to_recordset(%(reports)s::jsonb) AS h (
    ts timestamptz, service_name text, status text, response_time_ms double precision,
    error_rate double precision, cpu_usage double precision, memory_usage double precision,
    version text, uptime_seconds double precision
)
WHERE
    NOT EXISTS (
        SELECT
        FROM fature.service_health AS known
        WHERE
            known.tenant = %(tenant)s
            AND known.service_name = h.service_name
            AND known.ts BETWEEN h.ts - interval '4 minutes' AND h.ts + interval '4 minutes'
    );
