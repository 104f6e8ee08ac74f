-- Rollups as continuous aggregates, real-time at every level: the part that is not
-- materialised yet is computed from the level below. Created empty; the refresh
-- policies fill them. :'timezone' is the business time zone and cannot change later.
--
-- first and last order by (ts, id), packed into one comparable value, so that of two
-- samples at the same instant the later submitted one is the last on every engine.

CREATE MATERIALIZED VIEW fature.rollup_real_time_minute
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    time_bucket('1 minute', ts) AS bucket,
    series_id,
    sum(value) AS sum_value,
    count(*) AS sample_count,
    min(value) AS min_value,
    max(value) AS max_value,
    first(value, timestamptz_send(ts) || int8send(id)) AS first_value,
    last(value, timestamptz_send(ts) || int8send(id)) AS last_value
FROM fature.sample_real_time
GROUP BY 1, 2
WITH NO DATA;
COMMENT ON VIEW fature.rollup_real_time_minute IS 'Samples of frequency real_time per minute.';

CREATE MATERIALIZED VIEW fature.rollup_real_time_hour
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    time_bucket('1 hour', bucket) AS bucket,
    series_id,
    sum(sum_value) AS sum_value,
    sum(sample_count)::bigint AS sample_count,
    min(min_value) AS min_value,
    max(max_value) AS max_value,
    first(first_value, bucket) AS first_value,
    last(last_value, bucket) AS last_value
FROM fature.rollup_real_time_minute
GROUP BY 1, 2
WITH NO DATA;
COMMENT ON VIEW fature.rollup_real_time_hour IS 'Samples of frequency real_time per hour.';

CREATE MATERIALIZED VIEW fature.rollup_real_time_day
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    time_bucket('1 day', bucket, :'timezone') AS bucket,
    series_id,
    sum(sum_value) AS sum_value,
    sum(sample_count)::bigint AS sample_count,
    min(min_value) AS min_value,
    max(max_value) AS max_value,
    first(first_value, bucket) AS first_value,
    last(last_value, bucket) AS last_value
FROM fature.rollup_real_time_hour
GROUP BY 1, 2
WITH NO DATA;
COMMENT ON VIEW fature.rollup_real_time_day IS 'Samples of frequency real_time per day.';

CREATE MATERIALIZED VIEW fature.rollup_real_time_week
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    time_bucket('1 week', bucket, :'timezone') AS bucket,
    series_id,
    sum(sum_value) AS sum_value,
    sum(sample_count)::bigint AS sample_count,
    min(min_value) AS min_value,
    max(max_value) AS max_value,
    first(first_value, bucket) AS first_value,
    last(last_value, bucket) AS last_value
FROM fature.rollup_real_time_day
GROUP BY 1, 2
WITH NO DATA;
COMMENT ON VIEW fature.rollup_real_time_week IS 'Samples of frequency real_time per week.';

CREATE MATERIALIZED VIEW fature.rollup_real_time_month
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    time_bucket('1 month', bucket, :'timezone') AS bucket,
    series_id,
    sum(sum_value) AS sum_value,
    sum(sample_count)::bigint AS sample_count,
    min(min_value) AS min_value,
    max(max_value) AS max_value,
    first(first_value, bucket) AS first_value,
    last(last_value, bucket) AS last_value
FROM fature.rollup_real_time_day
GROUP BY 1, 2
WITH NO DATA;
COMMENT ON VIEW fature.rollup_real_time_month IS 'Samples of frequency real_time per month.';

CREATE MATERIALIZED VIEW fature.rollup_hourly_hour
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    time_bucket('1 hour', ts) AS bucket,
    series_id,
    sum(value) AS sum_value,
    count(*) AS sample_count,
    min(value) AS min_value,
    max(value) AS max_value,
    first(value, timestamptz_send(ts) || int8send(id)) AS first_value,
    last(value, timestamptz_send(ts) || int8send(id)) AS last_value
FROM fature.sample_hourly
GROUP BY 1, 2
WITH NO DATA;
COMMENT ON VIEW fature.rollup_hourly_hour IS 'Samples of frequency hourly per hour.';

CREATE MATERIALIZED VIEW fature.rollup_hourly_day
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    time_bucket('1 day', bucket, :'timezone') AS bucket,
    series_id,
    sum(sum_value) AS sum_value,
    sum(sample_count)::bigint AS sample_count,
    min(min_value) AS min_value,
    max(max_value) AS max_value,
    first(first_value, bucket) AS first_value,
    last(last_value, bucket) AS last_value
FROM fature.rollup_hourly_hour
GROUP BY 1, 2
WITH NO DATA;
COMMENT ON VIEW fature.rollup_hourly_day IS 'Samples of frequency hourly per day.';

CREATE MATERIALIZED VIEW fature.rollup_hourly_week
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    time_bucket('1 week', bucket, :'timezone') AS bucket,
    series_id,
    sum(sum_value) AS sum_value,
    sum(sample_count)::bigint AS sample_count,
    min(min_value) AS min_value,
    max(max_value) AS max_value,
    first(first_value, bucket) AS first_value,
    last(last_value, bucket) AS last_value
FROM fature.rollup_hourly_day
GROUP BY 1, 2
WITH NO DATA;
COMMENT ON VIEW fature.rollup_hourly_week IS 'Samples of frequency hourly per week.';

CREATE MATERIALIZED VIEW fature.rollup_hourly_month
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    time_bucket('1 month', bucket, :'timezone') AS bucket,
    series_id,
    sum(sum_value) AS sum_value,
    sum(sample_count)::bigint AS sample_count,
    min(min_value) AS min_value,
    max(max_value) AS max_value,
    first(first_value, bucket) AS first_value,
    last(last_value, bucket) AS last_value
FROM fature.rollup_hourly_day
GROUP BY 1, 2
WITH NO DATA;
COMMENT ON VIEW fature.rollup_hourly_month IS 'Samples of frequency hourly per month.';

CREATE MATERIALIZED VIEW fature.rollup_daily_day
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    time_bucket('1 day', ts, :'timezone') AS bucket,
    series_id,
    sum(value) AS sum_value,
    count(*) AS sample_count,
    min(value) AS min_value,
    max(value) AS max_value,
    first(value, timestamptz_send(ts) || int8send(id)) AS first_value,
    last(value, timestamptz_send(ts) || int8send(id)) AS last_value
FROM fature.sample_daily
GROUP BY 1, 2
WITH NO DATA;
COMMENT ON VIEW fature.rollup_daily_day IS 'Samples of frequency daily per day.';

CREATE MATERIALIZED VIEW fature.rollup_daily_week
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    time_bucket('1 week', bucket, :'timezone') AS bucket,
    series_id,
    sum(sum_value) AS sum_value,
    sum(sample_count)::bigint AS sample_count,
    min(min_value) AS min_value,
    max(max_value) AS max_value,
    first(first_value, bucket) AS first_value,
    last(last_value, bucket) AS last_value
FROM fature.rollup_daily_day
GROUP BY 1, 2
WITH NO DATA;
COMMENT ON VIEW fature.rollup_daily_week IS 'Samples of frequency daily per week.';

CREATE MATERIALIZED VIEW fature.rollup_daily_month
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    time_bucket('1 month', bucket, :'timezone') AS bucket,
    series_id,
    sum(sum_value) AS sum_value,
    sum(sample_count)::bigint AS sample_count,
    min(min_value) AS min_value,
    max(max_value) AS max_value,
    first(first_value, bucket) AS first_value,
    last(last_value, bucket) AS last_value
FROM fature.rollup_daily_day
GROUP BY 1, 2
WITH NO DATA;
COMMENT ON VIEW fature.rollup_daily_month IS 'Samples of frequency daily per month.';

CREATE MATERIALIZED VIEW fature.rollup_monthly_month
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    time_bucket('1 month', ts, :'timezone') AS bucket,
    series_id,
    sum(value) AS sum_value,
    count(*) AS sample_count,
    min(value) AS min_value,
    max(value) AS max_value,
    first(value, timestamptz_send(ts) || int8send(id)) AS first_value,
    last(value, timestamptz_send(ts) || int8send(id)) AS last_value
FROM fature.sample_monthly
GROUP BY 1, 2
WITH NO DATA;
COMMENT ON VIEW fature.rollup_monthly_month IS 'Samples of frequency monthly per month.';
