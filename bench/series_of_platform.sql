-- 24 series of each metric that the platform has from the start: 3 services in 8 regions.
INSERT INTO fature.series (metric_name, metric_type, unit, frequency, service_name, region)
SELECT
    m.metric_name,
    m.metric_type,
    m.unit,
    'hourly',
    'service_' || s,
    r
FROM fature.metric AS m
CROSS JOIN generate_series(1, 3) AS s
CROSS JOIN unnest(ARRAY['SP', 'RJ', 'MG', 'BA', 'RS', 'PR', 'PE', 'CE']) AS r;
