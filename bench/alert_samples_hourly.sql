-- A sample every twenty minutes of the last two days.
INSERT INTO fature.sample_hourly (ts, id, series_id, value)
SELECT
    t,
    0,
    s.series_id,
    random() * 100
FROM fature.series AS s
CROSS JOIN generate_series(now() - interval '2 days', now(), '20 minutes') AS t
WHERE starts_with(s.metric_name, 'bench_') AND s.frequency = 'hourly'
