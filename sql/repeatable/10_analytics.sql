-- The views that analysts and Grafana see. CREATE OR REPLACE only adds columns at the
-- end; any other change is a migration. Each shows the tenants of fature.reader alone, behind
-- a security barrier: no predicate of the reader's is tried on rows of others.
--
-- What is harmless to try, such as value > 5, PostgreSQL does try on all rows, and EXPLAIN
-- ANALYZE tells how many there were. Hence the CASE, which is always true: it needs both sides
-- of the join, so that figures are compared once only the reader's own rows are left. Where
-- there is no join, OFFSET does the same.

CREATE SCHEMA IF NOT EXISTS analytics;
COMMENT ON SCHEMA analytics IS 'Business metrics, for analysts and Grafana.';

CREATE OR REPLACE VIEW analytics.metrics WITH (security_barrier) AS
SELECT
    x.id,
    x.ts,
    CASE WHEN x.series_id = s.series_id THEN x.value END AS value,
    s.tenant,
    s.metric_name,
    s.metric_type,
    s.unit,
    s.frequency,
    s.service_name,
    s.affiliate_id,
    s.region,
    s.dimensions,
    s.series_id,
    CASE WHEN x.series_id = s.series_id THEN x.metadata END AS metadata
FROM (
    SELECT id, ts, series_id, value, metadata FROM fature.sample_real_time
    UNION ALL
    SELECT id, ts, series_id, value, metadata FROM fature.sample_hourly
    UNION ALL
    SELECT id, ts, series_id, value, metadata FROM fature.sample_daily
    UNION ALL
    SELECT id, ts, series_id, value, metadata FROM fature.sample_monthly
    UNION ALL
    SELECT id, ts, series_id, value, metadata FROM fature.imported_real_time
    UNION ALL
    SELECT id, ts, series_id, value, metadata FROM fature.imported_hourly
    UNION ALL
    SELECT id, ts, series_id, value, metadata FROM fature.imported_daily
    UNION ALL
    SELECT id, ts, series_id, value, metadata FROM fature.imported_monthly
) AS x
INNER JOIN fature.series AS s ON x.series_id = s.series_id
WHERE
    (SELECT sees_every_tenant FROM fature.reader)
    OR s.tenant = ANY((SELECT tenants FROM fature.reader)::text[]);
COMMENT ON VIEW analytics.metrics IS
'Every sample as submitted or imported, as long as its retention keeps it.';
COMMENT ON COLUMN analytics.metrics.id IS 'Id the submission was answered with (metric_id).';
COMMENT ON COLUMN analytics.metrics.ts IS 'Instant of the sample.';
COMMENT ON COLUMN analytics.metrics.value IS 'Value as submitted, in the series'' unit.';
COMMENT ON COLUMN analytics.metrics.metadata IS 'Metadata as submitted.';
COMMENT ON COLUMN analytics.metrics.tenant IS 'Tenant that owns the series.';
COMMENT ON COLUMN analytics.metrics.metric_name IS 'Name of the metric, such as revenue_hourly.';
COMMENT ON COLUMN analytics.metrics.metric_type IS 'revenue, commission, user_activity, conversion, performance, gamification or validation.';
COMMENT ON COLUMN analytics.metrics.unit IS 'Unit of the values, such as BRL; never add up values of different units.';
COMMENT ON COLUMN analytics.metrics.frequency IS 'How often it is submitted: real_time, hourly, daily or monthly.';
COMMENT ON COLUMN analytics.metrics.service_name IS 'Service that submitted it.';
COMMENT ON COLUMN analytics.metrics.affiliate_id IS 'Affiliate it belongs to, if any.';
COMMENT ON COLUMN analytics.metrics.region IS 'Region, such as the state.';
COMMENT ON COLUMN analytics.metrics.dimensions IS 'Promoted metadata, as text: dimensions ->> ''payment_method''.';
COMMENT ON COLUMN analytics.metrics.series_id IS 'Key of the series: everything above together.';

CREATE OR REPLACE VIEW analytics.metric_minute WITH (security_barrier) AS
SELECT
    r.bucket,
    s.tenant,
    s.metric_name,
    s.metric_type,
    s.unit,
    s.frequency,
    s.service_name,
    s.affiliate_id,
    s.region,
    s.dimensions,
    s.series_id,
    CASE WHEN r.series_id = s.series_id THEN r.sum_value END AS sum_value,
    r.sample_count,
    CASE WHEN r.series_id = s.series_id THEN r.sum_value / r.sample_count END AS avg_value,
    CASE WHEN r.series_id = s.series_id THEN r.min_value END AS min_value,
    CASE WHEN r.series_id = s.series_id THEN r.max_value END AS max_value,
    CASE WHEN r.series_id = s.series_id THEN r.first_value END AS first_value,
    CASE WHEN r.series_id = s.series_id THEN r.last_value END AS last_value
FROM (
    SELECT
        bucket, series_id, sum_value, sample_count, min_value, max_value, first_value, last_value
    FROM fature.rollup_real_time_minute
) AS r
INNER JOIN fature.series AS s ON r.series_id = s.series_id
WHERE
    (SELECT sees_every_tenant FROM fature.reader)
    OR s.tenant = ANY((SELECT tenants FROM fature.reader)::text[]);
COMMENT ON VIEW analytics.metric_minute IS
'Per minute and series, from samples submitted at least as often as every minute.';
COMMENT ON COLUMN analytics.metric_minute.bucket IS 'Start of the minute.';
COMMENT ON COLUMN analytics.metric_minute.tenant IS 'Tenant that owns the series.';
COMMENT ON COLUMN analytics.metric_minute.metric_name IS 'Name of the metric, such as revenue_hourly.';
COMMENT ON COLUMN analytics.metric_minute.metric_type IS 'revenue, commission, user_activity, conversion, performance, gamification or validation.';
COMMENT ON COLUMN analytics.metric_minute.unit IS 'Unit of the values, such as BRL; never add up values of different units.';
COMMENT ON COLUMN analytics.metric_minute.frequency IS 'How often it is submitted: real_time, hourly, daily or monthly.';
COMMENT ON COLUMN analytics.metric_minute.service_name IS 'Service that submitted it.';
COMMENT ON COLUMN analytics.metric_minute.affiliate_id IS 'Affiliate it belongs to, if any.';
COMMENT ON COLUMN analytics.metric_minute.region IS 'Region, such as the state.';
COMMENT ON COLUMN analytics.metric_minute.dimensions IS 'Promoted metadata, as text: dimensions ->> ''payment_method''.';
COMMENT ON COLUMN analytics.metric_minute.series_id IS 'Key of the series: everything above together.';
COMMENT ON COLUMN analytics.metric_minute.sum_value IS 'Sum of the values in the bucket, an exact decimal.';
COMMENT ON COLUMN analytics.metric_minute.sample_count IS 'Number of samples in the bucket.';
COMMENT ON COLUMN analytics.metric_minute.avg_value IS 'Mean of the values: sum_value / sample_count.';
COMMENT ON COLUMN analytics.metric_minute.min_value IS 'Smallest value in the bucket.';
COMMENT ON COLUMN analytics.metric_minute.max_value IS 'Largest value in the bucket.';
COMMENT ON COLUMN analytics.metric_minute.first_value IS 'Value of the earliest sample in the bucket.';
COMMENT ON COLUMN analytics.metric_minute.last_value IS 'Value of the latest sample in the bucket.';

CREATE OR REPLACE VIEW analytics.metric_hour WITH (security_barrier) AS
SELECT
    r.bucket,
    s.tenant,
    s.metric_name,
    s.metric_type,
    s.unit,
    s.frequency,
    s.service_name,
    s.affiliate_id,
    s.region,
    s.dimensions,
    s.series_id,
    CASE WHEN r.series_id = s.series_id THEN r.sum_value END AS sum_value,
    r.sample_count,
    CASE WHEN r.series_id = s.series_id THEN r.sum_value / r.sample_count END AS avg_value,
    CASE WHEN r.series_id = s.series_id THEN r.min_value END AS min_value,
    CASE WHEN r.series_id = s.series_id THEN r.max_value END AS max_value,
    CASE WHEN r.series_id = s.series_id THEN r.first_value END AS first_value,
    CASE WHEN r.series_id = s.series_id THEN r.last_value END AS last_value
FROM (
    SELECT
        bucket, series_id, sum_value, sample_count, min_value, max_value, first_value, last_value
    FROM fature.rollup_real_time_hour
    UNION ALL
    SELECT
        bucket, series_id, sum_value, sample_count, min_value, max_value, first_value, last_value
    FROM fature.rollup_hourly_hour
) AS r
INNER JOIN fature.series AS s ON r.series_id = s.series_id
WHERE
    (SELECT sees_every_tenant FROM fature.reader)
    OR s.tenant = ANY((SELECT tenants FROM fature.reader)::text[]);
COMMENT ON VIEW analytics.metric_hour IS
'Per hour and series, from samples submitted at least as often as every hour.';
COMMENT ON COLUMN analytics.metric_hour.bucket IS 'Start of the hour.';
COMMENT ON COLUMN analytics.metric_hour.tenant IS 'Tenant that owns the series.';
COMMENT ON COLUMN analytics.metric_hour.metric_name IS 'Name of the metric, such as revenue_hourly.';
COMMENT ON COLUMN analytics.metric_hour.metric_type IS 'revenue, commission, user_activity, conversion, performance, gamification or validation.';
COMMENT ON COLUMN analytics.metric_hour.unit IS 'Unit of the values, such as BRL; never add up values of different units.';
COMMENT ON COLUMN analytics.metric_hour.frequency IS 'How often it is submitted: real_time, hourly, daily or monthly.';
COMMENT ON COLUMN analytics.metric_hour.service_name IS 'Service that submitted it.';
COMMENT ON COLUMN analytics.metric_hour.affiliate_id IS 'Affiliate it belongs to, if any.';
COMMENT ON COLUMN analytics.metric_hour.region IS 'Region, such as the state.';
COMMENT ON COLUMN analytics.metric_hour.dimensions IS 'Promoted metadata, as text: dimensions ->> ''payment_method''.';
COMMENT ON COLUMN analytics.metric_hour.series_id IS 'Key of the series: everything above together.';
COMMENT ON COLUMN analytics.metric_hour.sum_value IS 'Sum of the values in the bucket, an exact decimal.';
COMMENT ON COLUMN analytics.metric_hour.sample_count IS 'Number of samples in the bucket.';
COMMENT ON COLUMN analytics.metric_hour.avg_value IS 'Mean of the values: sum_value / sample_count.';
COMMENT ON COLUMN analytics.metric_hour.min_value IS 'Smallest value in the bucket.';
COMMENT ON COLUMN analytics.metric_hour.max_value IS 'Largest value in the bucket.';
COMMENT ON COLUMN analytics.metric_hour.first_value IS 'Value of the earliest sample in the bucket.';
COMMENT ON COLUMN analytics.metric_hour.last_value IS 'Value of the latest sample in the bucket.';

CREATE OR REPLACE VIEW analytics.metric_day WITH (security_barrier) AS
SELECT
    r.bucket,
    s.tenant,
    s.metric_name,
    s.metric_type,
    s.unit,
    s.frequency,
    s.service_name,
    s.affiliate_id,
    s.region,
    s.dimensions,
    s.series_id,
    CASE WHEN r.series_id = s.series_id THEN r.sum_value END AS sum_value,
    r.sample_count,
    CASE WHEN r.series_id = s.series_id THEN r.sum_value / r.sample_count END AS avg_value,
    CASE WHEN r.series_id = s.series_id THEN r.min_value END AS min_value,
    CASE WHEN r.series_id = s.series_id THEN r.max_value END AS max_value,
    CASE WHEN r.series_id = s.series_id THEN r.first_value END AS first_value,
    CASE WHEN r.series_id = s.series_id THEN r.last_value END AS last_value
FROM (
    SELECT
        bucket, series_id, sum_value, sample_count, min_value, max_value, first_value, last_value
    FROM fature.rollup_real_time_day
    UNION ALL
    SELECT
        bucket, series_id, sum_value, sample_count, min_value, max_value, first_value, last_value
    FROM fature.rollup_hourly_day
    UNION ALL
    SELECT
        bucket, series_id, sum_value, sample_count, min_value, max_value, first_value, last_value
    FROM fature.rollup_daily_day
) AS r
INNER JOIN fature.series AS s ON r.series_id = s.series_id
WHERE
    (SELECT sees_every_tenant FROM fature.reader)
    OR s.tenant = ANY((SELECT tenants FROM fature.reader)::text[]);
COMMENT ON VIEW analytics.metric_day IS
'Per day and series, from samples submitted at least as often as every day; edges in the business time zone.';
COMMENT ON COLUMN analytics.metric_day.bucket IS 'Start of the day.';
COMMENT ON COLUMN analytics.metric_day.tenant IS 'Tenant that owns the series.';
COMMENT ON COLUMN analytics.metric_day.metric_name IS 'Name of the metric, such as revenue_hourly.';
COMMENT ON COLUMN analytics.metric_day.metric_type IS 'revenue, commission, user_activity, conversion, performance, gamification or validation.';
COMMENT ON COLUMN analytics.metric_day.unit IS 'Unit of the values, such as BRL; never add up values of different units.';
COMMENT ON COLUMN analytics.metric_day.frequency IS 'How often it is submitted: real_time, hourly, daily or monthly.';
COMMENT ON COLUMN analytics.metric_day.service_name IS 'Service that submitted it.';
COMMENT ON COLUMN analytics.metric_day.affiliate_id IS 'Affiliate it belongs to, if any.';
COMMENT ON COLUMN analytics.metric_day.region IS 'Region, such as the state.';
COMMENT ON COLUMN analytics.metric_day.dimensions IS 'Promoted metadata, as text: dimensions ->> ''payment_method''.';
COMMENT ON COLUMN analytics.metric_day.series_id IS 'Key of the series: everything above together.';
COMMENT ON COLUMN analytics.metric_day.sum_value IS 'Sum of the values in the bucket, an exact decimal.';
COMMENT ON COLUMN analytics.metric_day.sample_count IS 'Number of samples in the bucket.';
COMMENT ON COLUMN analytics.metric_day.avg_value IS 'Mean of the values: sum_value / sample_count.';
COMMENT ON COLUMN analytics.metric_day.min_value IS 'Smallest value in the bucket.';
COMMENT ON COLUMN analytics.metric_day.max_value IS 'Largest value in the bucket.';
COMMENT ON COLUMN analytics.metric_day.first_value IS 'Value of the earliest sample in the bucket.';
COMMENT ON COLUMN analytics.metric_day.last_value IS 'Value of the latest sample in the bucket.';

CREATE OR REPLACE VIEW analytics.metric_week WITH (security_barrier) AS
SELECT
    r.bucket,
    s.tenant,
    s.metric_name,
    s.metric_type,
    s.unit,
    s.frequency,
    s.service_name,
    s.affiliate_id,
    s.region,
    s.dimensions,
    s.series_id,
    CASE WHEN r.series_id = s.series_id THEN r.sum_value END AS sum_value,
    r.sample_count,
    CASE WHEN r.series_id = s.series_id THEN r.sum_value / r.sample_count END AS avg_value,
    CASE WHEN r.series_id = s.series_id THEN r.min_value END AS min_value,
    CASE WHEN r.series_id = s.series_id THEN r.max_value END AS max_value,
    CASE WHEN r.series_id = s.series_id THEN r.first_value END AS first_value,
    CASE WHEN r.series_id = s.series_id THEN r.last_value END AS last_value
FROM (
    SELECT
        bucket, series_id, sum_value, sample_count, min_value, max_value, first_value, last_value
    FROM fature.rollup_real_time_week
    WHERE (SELECT before_monday FROM fature.weeks) = interval '0'
    UNION ALL
    SELECT
        bucket, series_id, sum_value, sample_count, min_value, max_value, first_value, last_value
    FROM fature.own_week_real_time
    WHERE (SELECT before_monday FROM fature.weeks) > interval '0'
    UNION ALL
    SELECT
        bucket, series_id, sum_value, sample_count, min_value, max_value, first_value, last_value
    FROM fature.rollup_hourly_week
    WHERE (SELECT before_monday FROM fature.weeks) = interval '0'
    UNION ALL
    SELECT
        bucket, series_id, sum_value, sample_count, min_value, max_value, first_value, last_value
    FROM fature.own_week_hourly
    WHERE (SELECT before_monday FROM fature.weeks) > interval '0'
    UNION ALL
    SELECT
        bucket, series_id, sum_value, sample_count, min_value, max_value, first_value, last_value
    FROM fature.rollup_daily_week
    WHERE (SELECT before_monday FROM fature.weeks) = interval '0'
    UNION ALL
    SELECT
        bucket, series_id, sum_value, sample_count, min_value, max_value, first_value, last_value
    FROM fature.own_week_daily
    WHERE (SELECT before_monday FROM fature.weeks) > interval '0'
) AS r
INNER JOIN fature.series AS s ON r.series_id = s.series_id
WHERE
    (SELECT sees_every_tenant FROM fature.reader)
    OR s.tenant = ANY((SELECT tenants FROM fature.reader)::text[]);
COMMENT ON VIEW analytics.metric_week IS
'Per week and series, from samples submitted at least as often as every week; edges in the business time zone.';
COMMENT ON COLUMN analytics.metric_week.bucket IS 'Start of the week, Monday unless FATURE_WEEK_START says otherwise.';
COMMENT ON COLUMN analytics.metric_week.tenant IS 'Tenant that owns the series.';
COMMENT ON COLUMN analytics.metric_week.metric_name IS 'Name of the metric, such as revenue_hourly.';
COMMENT ON COLUMN analytics.metric_week.metric_type IS 'revenue, commission, user_activity, conversion, performance, gamification or validation.';
COMMENT ON COLUMN analytics.metric_week.unit IS 'Unit of the values, such as BRL; never add up values of different units.';
COMMENT ON COLUMN analytics.metric_week.frequency IS 'How often it is submitted: real_time, hourly, daily or monthly.';
COMMENT ON COLUMN analytics.metric_week.service_name IS 'Service that submitted it.';
COMMENT ON COLUMN analytics.metric_week.affiliate_id IS 'Affiliate it belongs to, if any.';
COMMENT ON COLUMN analytics.metric_week.region IS 'Region, such as the state.';
COMMENT ON COLUMN analytics.metric_week.dimensions IS 'Promoted metadata, as text: dimensions ->> ''payment_method''.';
COMMENT ON COLUMN analytics.metric_week.series_id IS 'Key of the series: everything above together.';
COMMENT ON COLUMN analytics.metric_week.sum_value IS 'Sum of the values in the bucket, an exact decimal.';
COMMENT ON COLUMN analytics.metric_week.sample_count IS 'Number of samples in the bucket.';
COMMENT ON COLUMN analytics.metric_week.avg_value IS 'Mean of the values: sum_value / sample_count.';
COMMENT ON COLUMN analytics.metric_week.min_value IS 'Smallest value in the bucket.';
COMMENT ON COLUMN analytics.metric_week.max_value IS 'Largest value in the bucket.';
COMMENT ON COLUMN analytics.metric_week.first_value IS 'Value of the earliest sample in the bucket.';
COMMENT ON COLUMN analytics.metric_week.last_value IS 'Value of the latest sample in the bucket.';

CREATE OR REPLACE VIEW analytics.metric_month WITH (security_barrier) AS
SELECT
    r.bucket,
    s.tenant,
    s.metric_name,
    s.metric_type,
    s.unit,
    s.frequency,
    s.service_name,
    s.affiliate_id,
    s.region,
    s.dimensions,
    s.series_id,
    CASE WHEN r.series_id = s.series_id THEN r.sum_value END AS sum_value,
    r.sample_count,
    CASE WHEN r.series_id = s.series_id THEN r.sum_value / r.sample_count END AS avg_value,
    CASE WHEN r.series_id = s.series_id THEN r.min_value END AS min_value,
    CASE WHEN r.series_id = s.series_id THEN r.max_value END AS max_value,
    CASE WHEN r.series_id = s.series_id THEN r.first_value END AS first_value,
    CASE WHEN r.series_id = s.series_id THEN r.last_value END AS last_value
FROM (
    SELECT
        bucket, series_id, sum_value, sample_count, min_value, max_value, first_value, last_value
    FROM fature.rollup_real_time_month
    UNION ALL
    SELECT
        bucket, series_id, sum_value, sample_count, min_value, max_value, first_value, last_value
    FROM fature.rollup_hourly_month
    UNION ALL
    SELECT
        bucket, series_id, sum_value, sample_count, min_value, max_value, first_value, last_value
    FROM fature.rollup_daily_month
    UNION ALL
    SELECT
        bucket, series_id, sum_value, sample_count, min_value, max_value, first_value, last_value
    FROM fature.rollup_monthly_month
) AS r
INNER JOIN fature.series AS s ON r.series_id = s.series_id
WHERE
    (SELECT sees_every_tenant FROM fature.reader)
    OR s.tenant = ANY((SELECT tenants FROM fature.reader)::text[]);
COMMENT ON VIEW analytics.metric_month IS
'Per month and series, from samples submitted at least as often as every month; edges in the business time zone.';
COMMENT ON COLUMN analytics.metric_month.bucket IS 'Start of the month.';
COMMENT ON COLUMN analytics.metric_month.tenant IS 'Tenant that owns the series.';
COMMENT ON COLUMN analytics.metric_month.metric_name IS 'Name of the metric, such as revenue_hourly.';
COMMENT ON COLUMN analytics.metric_month.metric_type IS 'revenue, commission, user_activity, conversion, performance, gamification or validation.';
COMMENT ON COLUMN analytics.metric_month.unit IS 'Unit of the values, such as BRL; never add up values of different units.';
COMMENT ON COLUMN analytics.metric_month.frequency IS 'How often it is submitted: real_time, hourly, daily or monthly.';
COMMENT ON COLUMN analytics.metric_month.service_name IS 'Service that submitted it.';
COMMENT ON COLUMN analytics.metric_month.affiliate_id IS 'Affiliate it belongs to, if any.';
COMMENT ON COLUMN analytics.metric_month.region IS 'Region, such as the state.';
COMMENT ON COLUMN analytics.metric_month.dimensions IS 'Promoted metadata, as text: dimensions ->> ''payment_method''.';
COMMENT ON COLUMN analytics.metric_month.series_id IS 'Key of the series: everything above together.';
COMMENT ON COLUMN analytics.metric_month.sum_value IS 'Sum of the values in the bucket, an exact decimal.';
COMMENT ON COLUMN analytics.metric_month.sample_count IS 'Number of samples in the bucket.';
COMMENT ON COLUMN analytics.metric_month.avg_value IS 'Mean of the values: sum_value / sample_count.';
COMMENT ON COLUMN analytics.metric_month.min_value IS 'Smallest value in the bucket.';
COMMENT ON COLUMN analytics.metric_month.max_value IS 'Largest value in the bucket.';
COMMENT ON COLUMN analytics.metric_month.first_value IS 'Value of the earliest sample in the bucket.';
COMMENT ON COLUMN analytics.metric_month.last_value IS 'Value of the latest sample in the bucket.';

CREATE OR REPLACE VIEW analytics.catalog WITH (security_barrier) AS
SELECT
    tenant,
    metric_name,
    metric_type,
    unit,
    kind,
    default_aggregation,
    frequency,
    description,
    fature.dimensions_of(tenant, dimensions, operands) AS dimensions,
    formula
FROM fature.metric
WHERE
    (SELECT sees_every_tenant FROM fature.reader)
    OR tenant = ANY((SELECT tenants FROM fature.reader)::text[])
OFFSET 0; -- noqa: AM09
COMMENT ON VIEW analytics.catalog IS 'What each metric means and how it is added up.';
COMMENT ON COLUMN analytics.catalog.tenant IS 'Tenant that owns the metric.';
COMMENT ON COLUMN analytics.catalog.metric_name IS 'Name of the metric.';
COMMENT ON COLUMN analytics.catalog.metric_type IS 'Area of the business it belongs to.';
COMMENT ON COLUMN analytics.catalog.unit IS 'Unit it is usually submitted in.';
COMMENT ON COLUMN analytics.catalog.kind IS
'flow (adds up; silence is zero), stock (a level) or ratio (a mean); silence of these is unknown.';
COMMENT ON COLUMN analytics.catalog.default_aggregation IS 'Aggregation used where none is named.';
COMMENT ON COLUMN analytics.catalog.frequency IS 'How often it is submitted.';
COMMENT ON COLUMN analytics.catalog.description IS 'What it measures.';
COMMENT ON COLUMN analytics.catalog.dimensions IS
'Metadata keys promoted to series.dimensions: filters and groups of every rollup.';
COMMENT ON COLUMN analytics.catalog.formula IS
'How a derived metric is computed from aggregated values of others; NULL: samples are submitted.';

CREATE OR REPLACE VIEW analytics.service_health WITH (security_barrier) AS
SELECT
    h.ts,
    h.tenant,
    h.service_name,
    CASE WHEN r.sees_every_tenant IS NOT NULL THEN h.status END AS status,
    CASE WHEN r.sees_every_tenant IS NOT NULL THEN h.response_time_ms END AS response_time_ms,
    CASE WHEN r.sees_every_tenant IS NOT NULL THEN h.error_rate END AS error_rate,
    CASE WHEN r.sees_every_tenant IS NOT NULL THEN h.cpu_usage END AS cpu_usage,
    CASE WHEN r.sees_every_tenant IS NOT NULL THEN h.memory_usage END AS memory_usage,
    CASE WHEN r.sees_every_tenant IS NOT NULL THEN h.version END AS version,
    CASE WHEN r.sees_every_tenant IS NOT NULL THEN h.uptime_seconds END AS uptime_seconds,
    CASE WHEN r.sees_every_tenant IS NOT NULL THEN h.metadata END AS metadata
FROM fature.service_health AS h
INNER JOIN fature.reader AS r ON r.sees_every_tenant OR h.tenant = ANY(r.tenants);
COMMENT ON VIEW analytics.service_health IS 'Health reports of the services, 30 days.';
COMMENT ON COLUMN analytics.service_health.ts IS 'When the report arrived.';
COMMENT ON COLUMN analytics.service_health.tenant IS 'Tenant of the service.';
COMMENT ON COLUMN analytics.service_health.service_name IS 'Service that reported.';
COMMENT ON COLUMN analytics.service_health.status IS 'healthy, degraded or unhealthy.';
COMMENT ON COLUMN analytics.service_health.response_time_ms IS 'Response time in milliseconds.';
COMMENT ON COLUMN analytics.service_health.error_rate IS 'Share of requests that failed, 0 to 1.';
COMMENT ON COLUMN analytics.service_health.cpu_usage IS 'Share of CPU in use, 0 to 1.';
COMMENT ON COLUMN analytics.service_health.memory_usage IS 'Share of memory in use, 0 to 1.';
COMMENT ON COLUMN analytics.service_health.version IS 'Version of the service.';
COMMENT ON COLUMN analytics.service_health.uptime_seconds IS 'Seconds since the service started.';
COMMENT ON COLUMN analytics.service_health.metadata IS 'Anything else it reported.';

CREATE OR REPLACE VIEW analytics.voids WITH (security_barrier) AS
SELECT
    v.sample_id AS id,
    v.ts,
    CASE WHEN v.series_id = s.series_id THEN v.value END AS value,
    s.tenant,
    s.metric_name,
    s.metric_type,
    s.unit,
    s.frequency,
    s.service_name,
    s.affiliate_id,
    s.region,
    s.dimensions,
    s.series_id,
    CASE WHEN v.series_id = s.series_id THEN v.metadata END AS metadata,
    CASE WHEN v.series_id = s.series_id THEN v.reason END AS reason,
    CASE WHEN v.series_id = s.series_id THEN v.actor END AS voided_by,
    v.voided_at,
    v.replaced_by,
    CASE WHEN v.series_id = s.series_id THEN v.new_value END AS new_value
FROM fature.void AS v
INNER JOIN fature.series AS s ON v.series_id = s.series_id
WHERE
    (SELECT sees_every_tenant FROM fature.reader)
    OR s.tenant = ANY((SELECT tenants FROM fature.reader)::text[]);
COMMENT ON VIEW analytics.voids IS
'Samples that were voided and count nowhere any more, with who, when and why; kept for ever.';
COMMENT ON COLUMN analytics.voids.id IS 'Id the submission was answered with (metric_id).';
COMMENT ON COLUMN analytics.voids.ts IS 'Instant of the sample.';
COMMENT ON COLUMN analytics.voids.value IS 'Value as submitted, in the series'' unit.';
COMMENT ON COLUMN analytics.voids.tenant IS 'Tenant that owns the series.';
COMMENT ON COLUMN analytics.voids.metric_name IS 'Name of the metric, such as revenue_hourly.';
COMMENT ON COLUMN analytics.voids.metric_type IS 'revenue, commission, user_activity, conversion, performance, gamification or validation.';
COMMENT ON COLUMN analytics.voids.unit IS 'Unit of the values, such as BRL; never add up values of different units.';
COMMENT ON COLUMN analytics.voids.frequency IS 'How often it is submitted: real_time, hourly, daily or monthly.';
COMMENT ON COLUMN analytics.voids.service_name IS 'Service that submitted it.';
COMMENT ON COLUMN analytics.voids.affiliate_id IS 'Affiliate it belongs to, if any.';
COMMENT ON COLUMN analytics.voids.region IS 'Region, such as the state.';
COMMENT ON COLUMN analytics.voids.dimensions IS 'Promoted metadata, as text: dimensions ->> ''payment_method''.';
COMMENT ON COLUMN analytics.voids.series_id IS 'Key of the series: everything above together.';
COMMENT ON COLUMN analytics.voids.metadata IS 'Metadata as submitted.';
COMMENT ON COLUMN analytics.voids.reason IS 'Why it was voided.';
COMMENT ON COLUMN analytics.voids.voided_by IS 'Who voided it: key:1, user:1.';
COMMENT ON COLUMN analytics.voids.voided_at IS 'When it was voided.';
COMMENT ON COLUMN analytics.voids.replaced_by IS 'Id of the sample that stands in its place, if any.';
COMMENT ON COLUMN analytics.voids.new_value IS 'Value which that sample was given.';

CREATE OR REPLACE VIEW analytics.expected_hour WITH (security_barrier) AS
SELECT
    x.bucket,
    e.tenant,
    e.metric_name,
    e.aggregation,
    e.unit,
    e.filters - 'metric_name' AS filters,
    e.dimensions,
    CASE WHEN x.expectation_id = e.expectation_id THEN x.expected END AS expected,
    CASE WHEN x.expectation_id = e.expectation_id THEN x.lower END AS lower,
    CASE WHEN x.expectation_id = e.expectation_id THEN x.upper END AS upper,
    e.zone AS time_zone,
    e.fitted_at
FROM fature.expected AS x
INNER JOIN fature.expectation AS e ON x.expectation_id = e.expectation_id AND e.period = 'hour'
WHERE
    (SELECT sees_every_tenant FROM fature.reader)
    OR e.tenant = ANY((SELECT tenants FROM fature.reader)::text[]);
COMMENT ON VIEW analytics.expected_hour IS
'What was expected per hour before it began, of the selections that somebody asked about; filters = ''{}'' is all of a metric.';
COMMENT ON COLUMN analytics.expected_hour.bucket IS 'Start of the hour.';
COMMENT ON COLUMN analytics.expected_hour.tenant IS 'Tenant that owns the metric.';
COMMENT ON COLUMN analytics.expected_hour.metric_name IS 'Name of the metric, such as revenue_hourly.';
COMMENT ON COLUMN analytics.expected_hour.aggregation IS 'How samples became one value: sum, avg, min, max, count or last.';
COMMENT ON COLUMN analytics.expected_hour.unit IS 'Unit of the values, such as BRL.';
COMMENT ON COLUMN analytics.expected_hour.filters IS 'Labels that the selection is of, as text: filters ->> ''region''.';
COMMENT ON COLUMN analytics.expected_hour.dimensions IS 'Dimensions that the selection is of, as text.';
COMMENT ON COLUMN analytics.expected_hour.expected IS 'What was expected before it began.';
COMMENT ON COLUMN analytics.expected_hour.lower IS 'Lower end of the band of 90 %.';
COMMENT ON COLUMN analytics.expected_hour.upper IS 'Upper end of the band of 90 %.';
COMMENT ON COLUMN analytics.expected_hour.time_zone IS 'Time zone of the periods.';
COMMENT ON COLUMN analytics.expected_hour.fitted_at IS 'When the selection was last fitted.';

CREATE OR REPLACE VIEW analytics.expected_day WITH (security_barrier) AS
SELECT
    x.bucket,
    e.tenant,
    e.metric_name,
    e.aggregation,
    e.unit,
    e.filters - 'metric_name' AS filters,
    e.dimensions,
    CASE WHEN x.expectation_id = e.expectation_id THEN x.expected END AS expected,
    CASE WHEN x.expectation_id = e.expectation_id THEN x.lower END AS lower,
    CASE WHEN x.expectation_id = e.expectation_id THEN x.upper END AS upper,
    e.zone AS time_zone,
    e.fitted_at
FROM fature.expected AS x
INNER JOIN fature.expectation AS e ON x.expectation_id = e.expectation_id AND e.period = 'day'
WHERE
    (SELECT sees_every_tenant FROM fature.reader)
    OR e.tenant = ANY((SELECT tenants FROM fature.reader)::text[]);
COMMENT ON VIEW analytics.expected_day IS
'What was expected per day before it began, of the selections that somebody asked about; filters = ''{}'' is all of a metric.';
COMMENT ON COLUMN analytics.expected_day.bucket IS 'Start of the day.';
COMMENT ON COLUMN analytics.expected_day.tenant IS 'Tenant that owns the metric.';
COMMENT ON COLUMN analytics.expected_day.metric_name IS 'Name of the metric, such as revenue_hourly.';
COMMENT ON COLUMN analytics.expected_day.aggregation IS 'How samples became one value: sum, avg, min, max, count or last.';
COMMENT ON COLUMN analytics.expected_day.unit IS 'Unit of the values, such as BRL.';
COMMENT ON COLUMN analytics.expected_day.filters IS 'Labels that the selection is of, as text: filters ->> ''region''.';
COMMENT ON COLUMN analytics.expected_day.dimensions IS 'Dimensions that the selection is of, as text.';
COMMENT ON COLUMN analytics.expected_day.expected IS 'What was expected before it began.';
COMMENT ON COLUMN analytics.expected_day.lower IS 'Lower end of the band of 90 %.';
COMMENT ON COLUMN analytics.expected_day.upper IS 'Upper end of the band of 90 %.';
COMMENT ON COLUMN analytics.expected_day.time_zone IS 'Time zone of the periods.';
COMMENT ON COLUMN analytics.expected_day.fitted_at IS 'When the selection was last fitted.';

CREATE OR REPLACE VIEW analytics.annotations WITH (security_barrier) AS
SELECT
    annotation_id AS id,
    tenant,
    since,
    until,
    text,
    tags,
    metric_name,
    service_name,
    created_by,
    created_at
FROM fature.annotation
WHERE
    (SELECT sees_every_tenant FROM fature.reader)
    OR tenant = ANY((SELECT tenants FROM fature.reader)::text[])
OFFSET 0; -- noqa: AM09
COMMENT ON VIEW analytics.annotations IS 'What happened, such as deployments and campaigns.';
COMMENT ON COLUMN analytics.annotations.id IS 'Id of the annotation.';
COMMENT ON COLUMN analytics.annotations.tenant IS 'Tenant that owns it.';
COMMENT ON COLUMN analytics.annotations.since IS 'When it happened, or began.';
COMMENT ON COLUMN analytics.annotations.until IS 'When it ended; the same as since for an instant.';
COMMENT ON COLUMN analytics.annotations.text IS 'What happened.';
COMMENT ON COLUMN analytics.annotations.tags IS 'Tags, such as deployment or campaign.';
COMMENT ON COLUMN analytics.annotations.metric_name IS 'The only metric that it is about; NULL: all.';
COMMENT ON COLUMN analytics.annotations.service_name IS 'The only service that it is about; NULL: all.';
COMMENT ON COLUMN analytics.annotations.created_by IS 'Who noted it: key:1, user:1.';
COMMENT ON COLUMN analytics.annotations.created_at IS 'When it was noted.';

CREATE OR REPLACE VIEW analytics.targets WITH (security_barrier) AS
SELECT
    target_id AS id,
    tenant,
    name,
    metric_name,
    aggregation,
    service_name,
    affiliate_id,
    region,
    unit,
    filters,
    period,
    value,
    direction,
    since,
    until,
    created_at,
    updated_at
FROM fature.target
WHERE
    (SELECT sees_every_tenant FROM fature.reader)
    OR tenant = ANY((SELECT tenants FROM fature.reader)::text[])
OFFSET 0; -- noqa: AM09
COMMENT ON VIEW analytics.targets IS 'What metrics are to reach, or not to exceed, in each period.';
COMMENT ON COLUMN analytics.targets.id IS 'Id of the target.';
COMMENT ON COLUMN analytics.targets.tenant IS 'Tenant that owns it.';
COMMENT ON COLUMN analytics.targets.name IS 'What it is called.';
COMMENT ON COLUMN analytics.targets.metric_name IS 'The metric that it is about.';
COMMENT ON COLUMN analytics.targets.aggregation IS 'How samples become a value; NULL: the catalogue''s default.';
COMMENT ON COLUMN analytics.targets.service_name IS 'Only of this service; NULL: all.';
COMMENT ON COLUMN analytics.targets.affiliate_id IS 'Only of this affiliate; NULL: all.';
COMMENT ON COLUMN analytics.targets.region IS 'Only of this region; NULL: all.';
COMMENT ON COLUMN analytics.targets.unit IS 'Only in this unit; NULL: the metric''s own.';
COMMENT ON COLUMN analytics.targets.filters IS 'Only of these dimensions, by name.';
COMMENT ON COLUMN analytics.targets.period IS 'day, week, month, quarter or year of the business calendar.';
COMMENT ON COLUMN analytics.targets.value IS 'What is to be reached in each period, or not exceeded.';
COMMENT ON COLUMN analytics.targets.direction IS 'at_least or at_most.';
COMMENT ON COLUMN analytics.targets.since IS 'The first day that it holds; NULL: always has.';
COMMENT ON COLUMN analytics.targets.until IS 'The last day that it holds; NULL: for good.';
COMMENT ON COLUMN analytics.targets.created_at IS 'When it was made.';
COMMENT ON COLUMN analytics.targets.updated_at IS 'When it was last changed.';
