-- 20 metrics of 10 series each: 5 services in 2 regions.
INSERT INTO fature.metric (
    metric_name, metric_type, unit, kind, default_aggregation, frequency
)
SELECT
    'figure_' || m,
    'revenue',
    'BRL',
    'flow',
    'sum',
    'hourly'
FROM generate_series(1, 20) AS m;

INSERT INTO fature.series (metric_name, metric_type, unit, frequency, service_name, region)
SELECT
    'figure_' || m,
    'revenue',
    'BRL',
    'hourly',
    'service_' || s,
    r
FROM generate_series(1, 20) AS m
CROSS JOIN generate_series(1, 5) AS s
CROSS JOIN unnest(ARRAY['SP', 'RJ']) AS r;
