-- A new installation's rules let a shop sleep at night, and watch the health of its services. One
-- whose rules were ever judged, edited or added to, or that has samples, keeps what it has.

UPDATE fature.alert_rule
SET
    schedule = CASE rule_name
        -- The hour up to 22:00 is judged after it, when the one up to 23:00 is not yet.
        WHEN 'Active users are low' THEN '{"from": "08:00", "to": "22:00"}'::jsonb
        ELSE '{"from": "08:00", "to": "23:00"}'::jsonb
    END
WHERE
    tenant = 'default'
    AND (rule_name, metric_name, condition, threshold_value) IN (
        ('Hourly revenue is low', 'revenue_hourly', '<', 1500),
        ('Conversion rate is low', 'conversion_rate', '<', 3),
        ('Active users are low', 'active_users', '<', 75)
    )
    AND NOT EXISTS (
        SELECT FROM fature.alert_rule AS r
        WHERE
            r.version > 1
            OR r.last_evaluated_at IS NOT NULL
            OR r.tenant <> 'default'
            OR r.metric_name NOT IN (
                'revenue_hourly', 'api_response_time', 'conversion_rate', 'commission_paid',
                'active_users'
            )
    )
    AND NOT EXISTS (SELECT FROM fature.series);

INSERT INTO fature.alert_rule (
    rule_name, metric_name, condition, threshold_value, severity, notification_channels,
    aggregation, window_name, group_by, settle_seconds, description
)
SELECT
    'A service is not healthy' AS rule_name,
    'service_health' AS metric_name,
    '<' AS condition,
    0.5 AS threshold_value,
    'high' AS severity,
    '{slack,webhook}' AS notification_channels,
    'last' AS aggregation,
    '5m' AS window_name,
    '{service_name}' AS group_by,
    600 AS settle_seconds,
    'A service reports that it is unhealthy, or nothing for five minutes.' AS description
FROM fature.alert_rule
WHERE rule_name = 'Hourly revenue is low' AND schedule IS NOT NULL AND version = 1;
