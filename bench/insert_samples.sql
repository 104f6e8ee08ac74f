-- One sample of every series at each step of the time from since to before, in the order in
-- which they would have come.
INSERT INTO fature.sample_hourly (ts, id, series_id, value, metadata)
SELECT
    x.ts,
    (%(first)s + x.step) * cardinality(%(series)s::integer []) + x.series_id,
    x.series_id,
    ((x.step * 7919 + x.series_id * 104729) %% 50000) / 100.0,
    CASE WHEN x.step %% 10 = 0 THEN '{"payment_method": "pix"}'::jsonb END
FROM (
    SELECT
        t.ts,
        t.step,
        unnest(%(series)s::integer []) AS series_id
    FROM generate_series(
        %(since)s::timestamptz, %(before)s::timestamptz - interval '1 us', %(step)s::interval
    ) WITH ORDINALITY AS t (ts, step)
) AS x;
