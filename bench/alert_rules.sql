-- Rules evenly over the metrics, none of which holds.
INSERT INTO fature.alert_rule (rule_name, metric_name, condition, threshold_value, severity)
SELECT
    'bench ' || n,
    'bench_' || 1 + n %% %(metrics)s,
    '>',
    1000 + n,
    'low'
FROM generate_series(1, %(rules)s) AS n
