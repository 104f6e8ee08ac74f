-- Metrics, half of them real_time, the others hourly.
INSERT INTO fature.metric (metric_name, metric_type, kind, default_aggregation, frequency)
SELECT
    'bench_' || m,
    'performance',
    'ratio',
    'avg',
    CASE WHEN m %% 2 = 0 THEN 'real_time' ELSE 'hourly' END
FROM generate_series(1, %(metrics)s) AS m
