-- Rollups as views over the samples: same names, same columns, same figures.
-- :'timezone' is the business time zone.

CREATE VIEW fature.rollup_real_time_minute AS
SELECT
    date_trunc('minute', ts, 'UTC') AS bucket,
    series_id,
    sum(value) AS sum_value,
    count(*) AS sample_count,
    min(value) AS min_value,
    max(value) AS max_value,
    (array_agg(value ORDER BY ts, id))[1] AS first_value,
    (array_agg(value ORDER BY ts DESC, id DESC))[1] AS last_value
FROM fature.sample_real_time
GROUP BY 1, 2;
COMMENT ON VIEW fature.rollup_real_time_minute IS 'Samples of frequency real_time per minute.';

CREATE VIEW fature.rollup_real_time_hour AS
SELECT
    date_trunc('hour', ts, 'UTC') AS bucket,
    series_id,
    sum(value) AS sum_value,
    count(*) AS sample_count,
    min(value) AS min_value,
    max(value) AS max_value,
    (array_agg(value ORDER BY ts, id))[1] AS first_value,
    (array_agg(value ORDER BY ts DESC, id DESC))[1] AS last_value
FROM fature.sample_real_time
GROUP BY 1, 2;
COMMENT ON VIEW fature.rollup_real_time_hour IS 'Samples of frequency real_time per hour.';

CREATE VIEW fature.rollup_real_time_day AS
SELECT
    date_trunc('day', ts, :'timezone') AS bucket,
    series_id,
    sum(value) AS sum_value,
    count(*) AS sample_count,
    min(value) AS min_value,
    max(value) AS max_value,
    (array_agg(value ORDER BY ts, id))[1] AS first_value,
    (array_agg(value ORDER BY ts DESC, id DESC))[1] AS last_value
FROM fature.sample_real_time
GROUP BY 1, 2;
COMMENT ON VIEW fature.rollup_real_time_day IS 'Samples of frequency real_time per day.';

CREATE VIEW fature.rollup_real_time_week AS
SELECT
    date_trunc('week', ts, :'timezone') AS bucket,
    series_id,
    sum(value) AS sum_value,
    count(*) AS sample_count,
    min(value) AS min_value,
    max(value) AS max_value,
    (array_agg(value ORDER BY ts, id))[1] AS first_value,
    (array_agg(value ORDER BY ts DESC, id DESC))[1] AS last_value
FROM fature.sample_real_time
GROUP BY 1, 2;
COMMENT ON VIEW fature.rollup_real_time_week IS 'Samples of frequency real_time per week.';

CREATE VIEW fature.rollup_real_time_month AS
SELECT
    date_trunc('month', ts, :'timezone') AS bucket,
    series_id,
    sum(value) AS sum_value,
    count(*) AS sample_count,
    min(value) AS min_value,
    max(value) AS max_value,
    (array_agg(value ORDER BY ts, id))[1] AS first_value,
    (array_agg(value ORDER BY ts DESC, id DESC))[1] AS last_value
FROM fature.sample_real_time
GROUP BY 1, 2;
COMMENT ON VIEW fature.rollup_real_time_month IS 'Samples of frequency real_time per month.';

CREATE VIEW fature.rollup_hourly_hour AS
SELECT
    date_trunc('hour', ts, 'UTC') AS bucket,
    series_id,
    sum(value) AS sum_value,
    count(*) AS sample_count,
    min(value) AS min_value,
    max(value) AS max_value,
    (array_agg(value ORDER BY ts, id))[1] AS first_value,
    (array_agg(value ORDER BY ts DESC, id DESC))[1] AS last_value
FROM fature.sample_hourly
GROUP BY 1, 2;
COMMENT ON VIEW fature.rollup_hourly_hour IS 'Samples of frequency hourly per hour.';

CREATE VIEW fature.rollup_hourly_day AS
SELECT
    date_trunc('day', ts, :'timezone') AS bucket,
    series_id,
    sum(value) AS sum_value,
    count(*) AS sample_count,
    min(value) AS min_value,
    max(value) AS max_value,
    (array_agg(value ORDER BY ts, id))[1] AS first_value,
    (array_agg(value ORDER BY ts DESC, id DESC))[1] AS last_value
FROM fature.sample_hourly
GROUP BY 1, 2;
COMMENT ON VIEW fature.rollup_hourly_day IS 'Samples of frequency hourly per day.';

CREATE VIEW fature.rollup_hourly_week AS
SELECT
    date_trunc('week', ts, :'timezone') AS bucket,
    series_id,
    sum(value) AS sum_value,
    count(*) AS sample_count,
    min(value) AS min_value,
    max(value) AS max_value,
    (array_agg(value ORDER BY ts, id))[1] AS first_value,
    (array_agg(value ORDER BY ts DESC, id DESC))[1] AS last_value
FROM fature.sample_hourly
GROUP BY 1, 2;
COMMENT ON VIEW fature.rollup_hourly_week IS 'Samples of frequency hourly per week.';

CREATE VIEW fature.rollup_hourly_month AS
SELECT
    date_trunc('month', ts, :'timezone') AS bucket,
    series_id,
    sum(value) AS sum_value,
    count(*) AS sample_count,
    min(value) AS min_value,
    max(value) AS max_value,
    (array_agg(value ORDER BY ts, id))[1] AS first_value,
    (array_agg(value ORDER BY ts DESC, id DESC))[1] AS last_value
FROM fature.sample_hourly
GROUP BY 1, 2;
COMMENT ON VIEW fature.rollup_hourly_month IS 'Samples of frequency hourly per month.';

CREATE VIEW fature.rollup_daily_day AS
SELECT
    date_trunc('day', ts, :'timezone') AS bucket,
    series_id,
    sum(value) AS sum_value,
    count(*) AS sample_count,
    min(value) AS min_value,
    max(value) AS max_value,
    (array_agg(value ORDER BY ts, id))[1] AS first_value,
    (array_agg(value ORDER BY ts DESC, id DESC))[1] AS last_value
FROM fature.sample_daily
GROUP BY 1, 2;
COMMENT ON VIEW fature.rollup_daily_day IS 'Samples of frequency daily per day.';

CREATE VIEW fature.rollup_daily_week AS
SELECT
    date_trunc('week', ts, :'timezone') AS bucket,
    series_id,
    sum(value) AS sum_value,
    count(*) AS sample_count,
    min(value) AS min_value,
    max(value) AS max_value,
    (array_agg(value ORDER BY ts, id))[1] AS first_value,
    (array_agg(value ORDER BY ts DESC, id DESC))[1] AS last_value
FROM fature.sample_daily
GROUP BY 1, 2;
COMMENT ON VIEW fature.rollup_daily_week IS 'Samples of frequency daily per week.';

CREATE VIEW fature.rollup_daily_month AS
SELECT
    date_trunc('month', ts, :'timezone') AS bucket,
    series_id,
    sum(value) AS sum_value,
    count(*) AS sample_count,
    min(value) AS min_value,
    max(value) AS max_value,
    (array_agg(value ORDER BY ts, id))[1] AS first_value,
    (array_agg(value ORDER BY ts DESC, id DESC))[1] AS last_value
FROM fature.sample_daily
GROUP BY 1, 2;
COMMENT ON VIEW fature.rollup_daily_month IS 'Samples of frequency daily per month.';

CREATE VIEW fature.rollup_monthly_month AS
SELECT
    date_trunc('month', ts, :'timezone') AS bucket,
    series_id,
    sum(value) AS sum_value,
    count(*) AS sample_count,
    min(value) AS min_value,
    max(value) AS max_value,
    (array_agg(value ORDER BY ts, id))[1] AS first_value,
    (array_agg(value ORDER BY ts DESC, id DESC))[1] AS last_value
FROM fature.sample_monthly
GROUP BY 1, 2;
COMMENT ON VIEW fature.rollup_monthly_month IS 'Samples of frequency monthly per month.';
