-- Alert rules and events as analysts and Grafana see them. CREATE OR REPLACE only adds
-- columns at the end; any other change is a migration. OFFSET keeps the reader's predicates
-- above the filter by tenant: EXPLAIN would tell whether rows of others met them.

CREATE OR REPLACE VIEW analytics.alert_rules WITH (security_barrier) AS
SELECT
    rule_id,
    tenant,
    rule_name,
    metric_name,
    condition,
    threshold_value,
    severity,
    notification_channels,
    is_active,
    aggregation,
    window_name,
    service_name,
    affiliate_id,
    region,
    group_by,
    for_seconds,
    keep_firing_seconds,
    repeat_seconds,
    recovery_threshold,
    no_data,
    description,
    last_evaluated_at,
    last_error,
    created_at,
    updated_at,
    unit,
    filters,
    settle_seconds,
    retire_seconds,
    digest_over,
    type,
    compare,
    change,
    min_samples,
    schedule,
    direction,
    sensitivity,
    alerts_per_month
FROM fature.alert_rule
WHERE
    (SELECT sees_every_tenant FROM fature.reader)
    OR tenant = ANY((SELECT tenants FROM fature.reader)::text[])
OFFSET 0; -- noqa: AM09
COMMENT ON VIEW analytics.alert_rules IS 'What is watched; recipients are not shown.';
COMMENT ON COLUMN analytics.alert_rules.rule_id IS 'Id of the rule.';
COMMENT ON COLUMN analytics.alert_rules.tenant IS 'Tenant that owns the rule.';
COMMENT ON COLUMN analytics.alert_rules.rule_name IS 'Name, unique in the tenant.';
COMMENT ON COLUMN analytics.alert_rules.metric_name IS 'Metric that is watched.';
COMMENT ON COLUMN analytics.alert_rules.condition IS 'How the figure compares with the threshold when it alerts: >, <, >=, <=, == or !=.';
COMMENT ON COLUMN analytics.alert_rules.threshold_value IS 'Threshold, in the unit of the metric, of a change in percent as such; NULL of type anomaly.';
COMMENT ON COLUMN analytics.alert_rules.severity IS 'low, medium, high or critical.';
COMMENT ON COLUMN analytics.alert_rules.notification_channels IS 'Channels people are notified through.';
COMMENT ON COLUMN analytics.alert_rules.is_active IS 'Whether it is judged.';
COMMENT ON COLUMN analytics.alert_rules.aggregation IS 'Aggregation; NULL: the default of the metric.';
COMMENT ON COLUMN analytics.alert_rules.window_name IS 'hour, day, week, month or a trailing duration; NULL: follows the metric''s frequency.';
COMMENT ON COLUMN analytics.alert_rules.service_name IS 'Only series of this service, if any.';
COMMENT ON COLUMN analytics.alert_rules.affiliate_id IS 'Only series of this affiliate, if any.';
COMMENT ON COLUMN analytics.alert_rules.region IS 'Only series of this region, if any.';
COMMENT ON COLUMN analytics.alert_rules.group_by IS 'Labels of which each value is judged by itself.';
COMMENT ON COLUMN analytics.alert_rules.for_seconds IS 'How long the condition must hold to open.';
COMMENT ON COLUMN analytics.alert_rules.keep_firing_seconds IS 'How long it must be over to resolve.';
COMMENT ON COLUMN analytics.alert_rules.repeat_seconds IS 'How often people are notified again, if at all.';
COMMENT ON COLUMN analytics.alert_rules.recovery_threshold IS 'Where an open event is over; NULL: at the threshold.';
COMMENT ON COLUMN analytics.alert_rules.no_data IS 'What silence means: ignore, alert or resolve.';
COMMENT ON COLUMN analytics.alert_rules.description IS 'Shown in notifications.';
COMMENT ON COLUMN analytics.alert_rules.last_evaluated_at IS 'When the loop last judged it, noted every five minutes.';
COMMENT ON COLUMN analytics.alert_rules.last_error IS 'Why it cannot be judged at present.';
COMMENT ON COLUMN analytics.alert_rules.created_at IS 'When it was made.';
COMMENT ON COLUMN analytics.alert_rules.updated_at IS 'When it was last edited.';
COMMENT ON COLUMN analytics.alert_rules.unit IS 'Only series of this unit; NULL: the catalogue''s.';
COMMENT ON COLUMN analytics.alert_rules.filters IS 'Only series that have these dimensions.';
COMMENT ON COLUMN analytics.alert_rules.settle_seconds IS 'How long after its end a period is judged.';
COMMENT ON COLUMN analytics.alert_rules.retire_seconds IS 'A group without samples for that long is not judged.';
COMMENT ON COLUMN analytics.alert_rules.digest_over IS 'More transitions in one tick than this are one notification.';
COMMENT ON COLUMN analytics.alert_rules.type IS 'What is compared with the threshold: threshold (the figure), change (its change), forecast (the figure that the window will end with) or anomaly (the figure, against what is usual).';
COMMENT ON COLUMN analytics.alert_rules.compare IS 'Earlier figures that the change is from: previous_period, previous_day, previous_week, previous_year or average_4_weeks.';
COMMENT ON COLUMN analytics.alert_rules.change IS 'percent or absolute.';
COMMENT ON COLUMN analytics.alert_rules.min_samples IS 'A figure of fewer samples is none.';
COMMENT ON COLUMN analytics.alert_rules.schedule IS 'Days and hours of the business time zone; nothing opens outside them. NULL: always.';
COMMENT ON COLUMN analytics.alert_rules.direction IS 'Of type anomaly: below, above or both.';
COMMENT ON COLUMN analytics.alert_rules.sensitivity IS 'Of type anomaly: low, medium or high.';
COMMENT ON COLUMN analytics.alert_rules.alerts_per_month IS 'Of type anomaly: how many are not too many, instead of a sensitivity.';

CREATE OR REPLACE VIEW analytics.alert_events WITH (security_barrier) AS
SELECT
    event_id,
    tenant,
    rule_id,
    rule_name,
    metric_name,
    condition,
    threshold_value,
    severity,
    status,
    value,
    peak_value,
    unit,
    aggregation,
    window_name,
    group_labels,
    window_start,
    window_end,
    opened_at,
    acknowledged_at,
    acknowledged_by,
    comment,
    resolved_at,
    resolved_by,
    compared,
    impact,
    impact_expected,
    impact_unit,
    impact_since,
    impact_until,
    restated_at,
    restated_value,
    retracted
FROM fature.alert_event
WHERE
    (SELECT sees_every_tenant FROM fature.reader)
    OR tenant = ANY((SELECT tenants FROM fature.reader)::text[])
OFFSET 0; -- noqa: AM09
COMMENT ON VIEW analytics.alert_events IS
'What happened: each event with the rule as it was when it opened. Resolved ones stay a year.';
COMMENT ON COLUMN analytics.alert_events.event_id IS 'Id of the event.';
COMMENT ON COLUMN analytics.alert_events.tenant IS 'Tenant that owns the rule.';
COMMENT ON COLUMN analytics.alert_events.rule_id IS 'Rule that opened it; NULL once that is deleted.';
COMMENT ON COLUMN analytics.alert_events.rule_name IS 'Name of the rule.';
COMMENT ON COLUMN analytics.alert_events.metric_name IS 'Metric that was watched.';
COMMENT ON COLUMN analytics.alert_events.condition IS 'How the figure compared with the threshold.';
COMMENT ON COLUMN analytics.alert_events.threshold_value IS 'Threshold, in the unit of the event.';
COMMENT ON COLUMN analytics.alert_events.severity IS 'low, medium, high or critical.';
COMMENT ON COLUMN analytics.alert_events.status IS 'open, acknowledged or resolved.';
COMMENT ON COLUMN analytics.alert_events.value IS 'Figure that opened it; NULL where that was silence.';
COMMENT ON COLUMN analytics.alert_events.peak_value IS 'Figure furthest past the threshold while it was open.';
COMMENT ON COLUMN analytics.alert_events.unit IS 'Unit of the figures.';
COMMENT ON COLUMN analytics.alert_events.aggregation IS 'Aggregation that was watched.';
COMMENT ON COLUMN analytics.alert_events.window_name IS 'Window that was watched.';
COMMENT ON COLUMN analytics.alert_events.group_labels IS 'Labels of the group; {} where the rule is not grouped.';
COMMENT ON COLUMN analytics.alert_events.window_start IS 'Start of the window that opened it.';
COMMENT ON COLUMN analytics.alert_events.window_end IS 'End of that window, or the instant of judging where it was not over.';
COMMENT ON COLUMN analytics.alert_events.opened_at IS 'When it opened.';
COMMENT ON COLUMN analytics.alert_events.acknowledged_at IS 'When somebody said they look after it.';
COMMENT ON COLUMN analytics.alert_events.acknowledged_by IS 'Who that was.';
COMMENT ON COLUMN analytics.alert_events.comment IS 'What was last said about it.';
COMMENT ON COLUMN analytics.alert_events.resolved_at IS 'When it was over.';
COMMENT ON COLUMN analytics.alert_events.compared IS 'Where value is a change or a forecast: the figure (so far), what was expected, the band, their unit.';
COMMENT ON COLUMN analytics.alert_events.impact IS 'Figure less what was expected while it lasted, in total or on average; NULL: nothing was expected.';
COMMENT ON COLUMN analytics.alert_events.impact_expected IS 'What was expected meanwhile.';
COMMENT ON COLUMN analytics.alert_events.impact_unit IS 'Unit of the impact.';
COMMENT ON COLUMN analytics.alert_events.impact_since IS 'From when the impact counts.';
COMMENT ON COLUMN analytics.alert_events.impact_until IS 'Until when the impact counts.';
COMMENT ON COLUMN analytics.alert_events.restated_at IS 'When figures that it was decided by were last found corrected; NULL: never.';
COMMENT ON COLUMN analytics.alert_events.restated_value IS 'value by the corrected figures; NULL where there is none.';
COMMENT ON COLUMN analytics.alert_events.retracted IS 'Whether it would not have opened by the corrected figures.';
COMMENT ON COLUMN analytics.alert_events.resolved_by IS 'Who resolved it; NULL: it recovered by itself.';
