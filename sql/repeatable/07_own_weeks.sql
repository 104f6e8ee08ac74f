-- Weeks of installations whose weeks begin on another day than Monday, as rollups of weeks do, computed
-- from days: nothing is to be materialised anew when the day changes.

CREATE OR REPLACE VIEW fature.weeks AS
SELECT
    timezone,
    make_interval(
        days => CASE week_start WHEN 'sunday' THEN 1 WHEN 'saturday' THEN 2 ELSE 0 END
    ) AS before_monday
FROM fature.installation;
COMMENT ON VIEW fature.weeks IS
'The zone that weeks begin in, and how long before Monday.';

CREATE OR REPLACE VIEW fature.own_week_real_time AS
SELECT
    (
        date_trunc('week', d.bucket AT TIME ZONE w.timezone + w.before_monday) - w.before_monday
    ) AT TIME ZONE w.timezone AS bucket,
    d.series_id,
    sum(d.sum_value) AS sum_value,
    sum(d.sample_count)::bigint AS sample_count,
    min(d.min_value) AS min_value,
    max(d.max_value) AS max_value,
    (array_agg(d.first_value ORDER BY d.bucket))[1] AS first_value,
    (array_agg(d.last_value ORDER BY d.bucket DESC))[1] AS last_value
FROM fature.rollup_real_time_day AS d
CROSS JOIN fature.weeks AS w
GROUP BY 1, 2;
COMMENT ON VIEW fature.own_week_real_time IS
'Weeks of the installation, as rollup_real_time_week has those from Monday.';

CREATE OR REPLACE VIEW fature.own_week_hourly AS
SELECT
    (
        date_trunc('week', d.bucket AT TIME ZONE w.timezone + w.before_monday) - w.before_monday
    ) AT TIME ZONE w.timezone AS bucket,
    d.series_id,
    sum(d.sum_value) AS sum_value,
    sum(d.sample_count)::bigint AS sample_count,
    min(d.min_value) AS min_value,
    max(d.max_value) AS max_value,
    (array_agg(d.first_value ORDER BY d.bucket))[1] AS first_value,
    (array_agg(d.last_value ORDER BY d.bucket DESC))[1] AS last_value
FROM fature.rollup_hourly_day AS d
CROSS JOIN fature.weeks AS w
GROUP BY 1, 2;
COMMENT ON VIEW fature.own_week_hourly IS
'Weeks of the installation, as rollup_hourly_week has those from Monday.';

CREATE OR REPLACE VIEW fature.own_week_daily AS
SELECT
    (
        date_trunc('week', d.bucket AT TIME ZONE w.timezone + w.before_monday) - w.before_monday
    ) AT TIME ZONE w.timezone AS bucket,
    d.series_id,
    sum(d.sum_value) AS sum_value,
    sum(d.sample_count)::bigint AS sample_count,
    min(d.min_value) AS min_value,
    max(d.max_value) AS max_value,
    (array_agg(d.first_value ORDER BY d.bucket))[1] AS first_value,
    (array_agg(d.last_value ORDER BY d.bucket DESC))[1] AS last_value
FROM fature.rollup_daily_day AS d
CROSS JOIN fature.weeks AS w
GROUP BY 1, 2;
COMMENT ON VIEW fature.own_week_daily IS
'Weeks of the installation, as rollup_daily_week has those from Monday.';
