-- Three series of each metric.
INSERT INTO fature.series (metric_name, metric_type, frequency, region)
SELECT
    m.metric_name,
    m.metric_type,
    m.frequency,
    r.region
FROM fature.metric AS m
CROSS JOIN unnest(ARRAY['SP', 'RJ', 'MG']) AS r (region)
WHERE starts_with(m.metric_name, 'bench_')
