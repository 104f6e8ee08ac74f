-- name: kept_expectations
-- What is kept of selections, by their keys.
SELECT
    expectation_id,
    selection_key,
    unit,
    profile,
    valid_from,
    fitted_at,
    asked_at
FROM fature.expectation
WHERE selection_key = ANY(%(keys)s::text []);

-- name: note_asked_expectations
-- Somebody asks about these.
UPDATE fature.expectation
SET asked_at = %(now)s
WHERE expectation_id = ANY(%(ids)s::integer []);

-- name: keep_expectation
-- A selection with its profile, which replaces the one before.
INSERT INTO fature.expectation (
    selection_key, tenant, metric_name, aggregation, period, zone, filters, dimensions, unit,
    profile, valid_from, fitted_at, asked_at
)
VALUES (
    %(selection_key)s, %(tenant)s, %(metric_name)s, %(aggregation)s, %(period)s, %(zone)s,
    %(filters)s::jsonb, %(dimensions)s::jsonb, %(unit)s, %(profile)s::jsonb, %(valid_from)s,
    %(now)s, %(now)s
)
ON CONFLICT (selection_key) DO UPDATE SET
    unit = excluded.unit,
    profile = excluded.profile,
    valid_from = excluded.valid_from,
    fitted_at = excluded.fitted_at
RETURNING expectation_id;

-- name: keep_expected
-- What was and is expected; of periods before `since` only what is not known yet.
INSERT INTO fature.expected (expectation_id, bucket, expected, lower, upper, below, above)
SELECT
    %(expectation_id)s,
    e.bucket,
    e.expected,
    e.lower,
    e.upper,
    ARRAY[e.below_low, e.below_medium, e.below_high],
    ARRAY[e.above_low, e.above_medium, e.above_high]
FROM
    unnest(
        %(buckets)s::timestamptz [],
        %(expected)s::float8 [],
        %(lower)s::float8 [],
        %(upper)s::float8 [],
        %(below_low)s::float8 [],
        %(below_medium)s::float8 [],
        %(below_high)s::float8 [],
        %(above_low)s::float8 [],
        %(above_medium)s::float8 [],
        %(above_high)s::float8 []
    ) AS e (
        bucket, expected, lower, upper, below_low, below_medium, below_high, above_low,
        above_medium, above_high
    )
ON CONFLICT (expectation_id, bucket) DO UPDATE SET
    expected = excluded.expected,
    lower = excluded.lower,
    upper = excluded.upper,
    below = excluded.below,
    above = excluded.above
WHERE expected.bucket >= %(since)s::timestamptz;

-- name: expected_values
-- What was expected of the periods of a range.
SELECT
    expectation_id,
    bucket,
    expected,
    lower,
    upper,
    below,
    above
FROM fature.expected
WHERE
    expectation_id = ANY(%(ids)s::integer [])
    AND bucket >= %(since)s::timestamptz
    AND bucket < %(before)s::timestamptz
ORDER BY bucket;

-- name: stale_expectations
-- Selections whose profile is older than it may be, those asked about last first.
SELECT
    tenant,
    metric_name,
    aggregation,
    period,
    zone,
    filters,
    dimensions,
    unit
FROM fature.expectation
WHERE
    valid_from < CASE period
        WHEN 'week' THEN (
            date_trunc('week', %(now)s::timestamptz AT TIME ZONE zone + %(before_monday)s::interval)
            - %(before_monday)s::interval
        ) AT TIME ZONE zone
        ELSE date_trunc(
            CASE period WHEN 'hour' THEN 'day' ELSE period END, %(now)s::timestamptz, zone
        )
    END
    AND asked_at > %(now)s::timestamptz - interval '14 days'
ORDER BY asked_at DESC
LIMIT %(limit)s;

-- name: forget_expectations
-- What nobody asked about for a long time.
DELETE FROM fature.expectation
WHERE asked_at < %(now)s::timestamptz - interval '90 days';

-- name: lead_expectations
-- Whether this transaction is the one that fits.
SELECT pg_try_advisory_xact_lock(hashtextextended('fature.expectations', 0)) AS leads;

-- name: reports_of_series
-- The periods in which each series reported, in seconds.
SELECT
    r.series_id,
    array_agg(date_part('epoch', r.bucket)::bigint) AS buckets
FROM ({sources}) AS r
GROUP BY r.series_id;

-- name: first_reports
-- When series first reported in each of some periods, by their number from 1 on, in seconds from
-- their start.
SELECT
    s.series_id,
    array_agg(p.number) AS days,
    array_agg(date_part('epoch', x.ts - p.start)) AS delays
FROM unnest(%(series)s::integer []) AS s (series_id)
CROSS JOIN
    unnest(%(starts)s::timestamptz [], %(ends)s::timestamptz []) WITH ORDINALITY AS p (
        start, finish, number
    )
CROSS JOIN LATERAL (
    SELECT ts
    FROM {samples}
    WHERE series_id = s.series_id AND ts >= p.start AND ts < p.finish
    ORDER BY ts
    LIMIT 1
) AS x
GROUP BY s.series_id;
