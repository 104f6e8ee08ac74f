-- A sample every half minute of the last half hour.
INSERT INTO fature.sample_real_time (ts, id, series_id, value)
SELECT
    t,
    0,
    s.series_id,
    random() * 100
FROM fature.series AS s
CROSS JOIN generate_series(now() - interval '30 minutes', now(), '30 seconds') AS t
WHERE starts_with(s.metric_name, 'bench_') AND s.frequency = 'real_time'
