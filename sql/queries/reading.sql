-- name: find_series
-- The series that each of some selections covers; a filter that is NULL lets all through. Named are
-- those that occur: to parse and plan all takes longer than to find the series.
SELECT
    q.ordinality AS number,
    s.series_id,
    s.unit,
    s.frequency,
    s.service_name,
    s.affiliate_id,
    s.region,
    s.dimensions
FROM (
    SELECT *
    FROM ROWS FROM (
        jsonb_to_recordset(%(selections)s::jsonb) AS (tenant text, dimensions jsonb, {filters})
    ) WITH ORDINALITY
    -- All of them: it tells a planner that knows the number how many there are, and else that they
    -- are few.
    LIMIT %(count)s
) AS q
INNER JOIN fature.series AS s
    ON
        q.tenant = s.tenant
        AND q.{index} = s.{index}
        AND s.dimensions @> q.dimensions
WHERE {passed};

-- name: series_ungrouped
-- The series of each selection by unit and frequency, all of them in one group.
SELECT
    f.number,
    f.unit,
    f.frequency,
    array_agg(f.series_id)::text AS series,
    NULL::text AS groups,
    count(*) AS number_of_series
FROM ({found}) AS f
GROUP BY f.number, f.unit, f.frequency;

-- name: series_grouped
-- The series of each selection by unit and frequency, with the number of the group of each; and in
-- a row without a frequency the labels of the groups, in the order of their numbers.
WITH numbered AS MATERIALIZED (
    SELECT
        f.number,
        f.series_id,
        f.unit,
        f.frequency,
        json_build_array({labels}) AS labels,
        dense_rank() OVER groups - 1 AS group_number
    FROM ({found}) AS f
    WINDOW groups AS (PARTITION BY f.number ORDER BY {order})
)

SELECT
    n.number,
    n.unit,
    n.frequency,
    array_agg(n.series_id)::text AS series,
    array_agg(n.group_number)::text AS groups,
    count(*) AS number_of_series
FROM numbered AS n
GROUP BY n.number, n.unit, n.frequency
UNION ALL
SELECT
    g.number,
    NULL,
    NULL,
    NULL,
    json_agg(g.labels ORDER BY g.group_number)::text,
    count(*)
FROM (
    SELECT DISTINCT ON (n.number, n.group_number)
        n.number,
        n.group_number,
        n.labels
    FROM numbered AS n
    ORDER BY n.number, n.group_number
) AS g
GROUP BY g.number;

-- name: label_column
-- A label that groups are made of.
f.{label};

-- name: label_dimension
-- A dimension that groups are made of.
f.dimensions ->> {name};

-- name: label_order
-- Groups in the order of their labels, the same on every machine; those without a label last.
({label}) COLLATE "C" NULLS LAST;

-- name: filter_column
-- A filter of selections.
{filter} text;

-- name: filter_passed
-- Whether a series passes it; what has no such label is called as in answers.
(q.{filter} IS NULL OR q.{filter} = coalesce(s.{filter}, '(none)'));

-- name: scope_passed
-- Whether a series is of the service that the caller is bound to.
(q.only_service IS NULL OR q.only_service = s.service_name);

-- name: samples_newest_first
-- A page of samples of the given series, from one or several frequencies.
SELECT
    x.id,
    s.metric_name,
    s.metric_type,
    x.value,
    s.unit,
    s.frequency,
    x.ts AS "timestamp",
    s.service_name,
    s.affiliate_id,
    s.region,
    x.metadata
FROM (
    SELECT *
    FROM ({pages}) AS page
    ORDER BY ts DESC, id DESC
    LIMIT %(limit)s
) AS x
INNER JOIN fature.series AS s ON x.series_id = s.series_id
ORDER BY x.ts DESC, x.id DESC;

-- name: samples_oldest_first
-- The same the other way round.
SELECT
    x.id,
    s.metric_name,
    s.metric_type,
    x.value,
    s.unit,
    s.frequency,
    x.ts AS "timestamp",
    s.service_name,
    s.affiliate_id,
    s.region,
    x.metadata
FROM (
    SELECT *
    FROM ({pages}) AS page
    ORDER BY ts, id
    LIMIT %(limit)s
) AS x
INNER JOIN fature.series AS s ON x.series_id = s.series_id
ORDER BY x.ts, x.id;

-- name: page_newest_first
-- The page of one frequency; what is older than the cursor.
(
    SELECT
        id,
        ts,
        series_id,
        value,
        metadata
    FROM {samples}
    WHERE
        series_id = ANY(%(series)s::integer [])
        AND ts >= %(since)s::timestamptz
        AND ts < %(before)s::timestamptz
        AND ts <= %(cursor_ts)s::timestamptz
        AND (ts, id) < (%(cursor_ts)s::timestamptz, %(cursor_id)s::bigint)
    ORDER BY ts DESC, id DESC
    LIMIT %(limit)s
);

-- name: page_oldest_first
-- The page of one frequency; what is newer than the cursor.
(
    SELECT
        id,
        ts,
        series_id,
        value,
        metadata
    FROM {samples}
    WHERE
        series_id = ANY(%(series)s::integer [])
        AND ts >= %(since)s::timestamptz
        AND ts < %(before)s::timestamptz
        AND ts >= %(cursor_ts)s::timestamptz
        AND (ts, id) > (%(cursor_ts)s::timestamptz, %(cursor_id)s::bigint)
    ORDER BY ts, id
    LIMIT %(limit)s
);

-- name: rollup_source
-- Buckets of the given series from one rollup.
SELECT
    bucket,
    series_id,
    sum_value,
    sample_count,
    min_value,
    max_value,
    last_value
FROM {rollup}
WHERE
    series_id = ANY(%(series)s::integer [])
    {bounds};

-- name: rollup_since
-- Spares reading what is older, and planning for it: with a plain instant, the plan is one for the
-- chunks that there are from then on.
AND bucket >= {since};

-- name: rollup_before
-- Spares what is newer.
AND bucket < {before};

-- name: period_start
-- The start of the period that a bucket is in.
date_trunc(%(period)s, h.bucket, %(zone)s);

-- name: week_start
-- The same of weeks that begin some days before Monday.
(
    date_trunc('week', h.bucket AT TIME ZONE %(zone)s + {before_monday}::interval)
    - {before_monday}::interval
) AT TIME ZONE %(zone)s;

-- name: rollup_source_combined
-- The same, combined from shorter buckets: for quarters, years, weeks that begin on another day than
-- Monday and the calendar of another time zone.
SELECT
    {start} AS bucket,
    h.series_id,
    sum(h.sum_value) AS sum_value,
    sum(h.sample_count) AS sample_count,
    min(h.min_value) AS min_value,
    max(h.max_value) AS max_value,
    (array_agg(h.last_value ORDER BY h.bucket DESC))[1] AS last_value
FROM ({buckets}) AS h
GROUP BY 1, 2;

-- name: rollup_source_whole
-- The periods of each series as one.
SELECT
    'epoch'::timestamptz AS bucket,
    p.series_id,
    sum(p.sum_value) AS sum_value,
    sum(p.sample_count) AS sample_count,
    min(p.min_value) AS min_value,
    max(p.max_value) AS max_value,
    (array_agg(p.last_value ORDER BY p.bucket DESC))[1] AS last_value
FROM ({periods}) AS p
{within}
GROUP BY p.series_id;

-- name: periods_within
-- Those of exactly the range. ANY of one, as the plan is made before the instants are known: of plain
-- comparisons with them the planner would expect next to no rows, and look for these by time rather
-- than by series.
WHERE
    p.bucket >= ANY(%(since)s::timestamptz [])
    AND p.bucket < ANY(%(before)s::timestamptz []);

-- name: rollup_steps
-- Last values of the given series from one rollup, with the length of its buckets.
SELECT
    bucket,
    series_id,
    last_value,
    {step}::interval AS step
FROM {rollup}
WHERE
    series_id = ANY(%(series)s::integer [])
    {bounds};

-- name: last_of_periods
-- The last value of each series in each period, and when the step began that it is of.
SELECT
    {start} AS bucket,
    h.series_id,
    (array_agg(h.last_value ORDER BY h.bucket DESC))[1] AS last_value,
    max(h.bucket) AS ended,
    max(h.step) AS step
FROM ({steps}) AS h
GROUP BY 1, 2;

-- name: last_of_range
-- The same of all periods as one.
SELECT
    'epoch'::timestamptz AS bucket,
    h.series_id,
    (array_agg(h.last_value ORDER BY h.bucket DESC))[1] AS last_value,
    max(h.bucket) AS ended,
    max(h.step) AS step
FROM ({steps}) AS h
WHERE
    h.bucket >= ANY(%(since)s::timestamptz [])
    AND h.bucket < ANY(%(before)s::timestamptz [])
GROUP BY h.series_id;

-- name: label_values
-- The values that labels and dimensions have among the series of some metrics, of those that fit a
-- pattern or are named the first.
SELECT
    n.name,
    v.value
FROM unnest(%(names)s::text []) AS n (name)
CROSS JOIN LATERAL (
    SELECT d.value
    FROM (
        SELECT DISTINCT
            CASE n.name
                WHEN 'service_name' THEN s.service_name
                WHEN 'affiliate_id' THEN s.affiliate_id
                WHEN 'region' THEN s.region
                WHEN 'unit' THEN s.unit
                ELSE s.dimensions ->> n.name
            END AS value
        FROM fature.series AS s
        WHERE
            s.tenant = %(tenant)s
            AND (%(only_service)s::text IS NULL OR s.service_name = %(only_service)s)
            AND s.metric_name = ANY(%(metrics)s::text [])
    ) AS d
    WHERE d.value ILIKE %(pattern)s OR d.value = ANY(%(also)s::text [])
    ORDER BY d.value
    LIMIT 500
) AS v
ORDER BY n.name, v.value;

-- name: union_all
-- Between the sources of several frequencies.
UNION ALL;

-- name: aggregate
-- Values per bucket and group, newest first; of each group from its own start to its end. Where a
-- bucket starts is told in seconds: to make instants of them takes longer than all else with a row.
SELECT
    date_part('epoch', r.bucket)::bigint AS bucket_start,
    s.group_number,
    {value}
FROM ({sources}) AS r
INNER JOIN
    unnest(
        %(series)s::integer [],
        %(groups)s::integer [],
        %(starts)s::timestamptz [],
        %(ends)s::timestamptz []
    ) AS s (series_id, group_number, since, before)
    ON r.series_id = s.series_id AND r.bucket >= s.since AND r.bucket < s.before
GROUP BY r.bucket, s.group_number
ORDER BY r.bucket DESC, s.group_number DESC
LIMIT %(limit)s;

-- name: aggregate_alive
-- Last values per bucket and group, newest first, of the series that were still alive: none that
-- ended more than two of its steps before the newest of its group.
SELECT
    date_part('epoch', r.bucket)::bigint AS bucket_start,
    r.group_number,
    {value}
FROM (
    SELECT
        p.bucket,
        s.group_number,
        p.last_value,
        p.ended
        + 2 * p.step >= max(p.ended) OVER (PARTITION BY p.bucket, s.group_number) AS is_alive
    FROM ({sources}) AS p
    INNER JOIN
        unnest(
            %(series)s::integer [],
            %(groups)s::integer [],
            %(starts)s::timestamptz [],
            %(ends)s::timestamptz []
        ) AS s (series_id, group_number, since, before)
        ON p.series_id = s.series_id AND p.bucket >= s.since AND p.bucket < s.before
) AS r
WHERE r.is_alive
GROUP BY r.bucket, r.group_number
ORDER BY r.bucket DESC, r.group_number DESC
LIMIT %(limit)s;

-- name: aggregate_largest
-- Groups by the size of their value over the whole range, the largest last, and how many there are.
SELECT
    g.bucket_start,
    g.group_number,
    g.value,
    NULL::double precision AS total,
    count(*) OVER () AS number
FROM (
    SELECT
        0::bigint AS bucket_start,
        s.group_number,
        {value}
    FROM ({sources}) AS r
    INNER JOIN
        unnest(
            %(series)s::integer [],
            %(groups)s::integer [],
            %(starts)s::timestamptz [],
            %(ends)s::timestamptz []
        ) AS s (series_id, group_number, since, before)
        ON r.series_id = s.series_id AND r.bucket >= s.since AND r.bucket < s.before
    GROUP BY s.group_number
) AS g
ORDER BY abs(g.value) DESC NULLS LAST, g.group_number
LIMIT %(limit)s;

-- name: value_sum
-- Sums in rollups are exact decimals: 0.1 + 0.2 is 0.3.
fature.nearest_double(sum(r.sum_value)) AS value;

-- name: value_avg
-- Never a mean of means: the sum and what it is of come with it, for that of several periods. To
-- 15 digits.
fature.nearest_double(
    fature.nearest_double(sum(r.sum_value) / sum(r.sample_count))::numeric
) AS value,
fature.nearest_double(sum(r.sum_value)) AS total,
sum(r.sample_count)::bigint AS number;

-- name: value_min
-- The smallest of all.
min(r.min_value) AS value;

-- name: value_max
-- The largest of all.
max(r.max_value) AS value;

-- name: value_count
-- Samples.
sum(r.sample_count)::bigint AS value;

-- name: value_last
-- The last value of each series, added up over the series; of one series as it is. Of how many
-- comes with it: where that is all, it is the last value of a longer time, too.
CASE
    WHEN count(*) = 1 THEN min(r.last_value)
    ELSE fature.nearest_double(sum(r.last_value::numeric))
END AS value,
NULL AS total,
count(*) AS number;

-- name: watermarks
-- Up to where each rollup is materialised; none on the plain engine.
SELECT
    relation,
    watermark
FROM fature.rollup_watermark;

-- name: pending
-- Where rollups lack samples that came late; nowhere on the plain engine.
SELECT
    relation,
    since,
    until
FROM fature.rollup_pending;

-- name: lacks_samples
-- Whether a rollup has fewer samples of some series than what it is computed from. Where there are
-- very many they are not counted: some may be missing.
SELECT r.number > %(most)s OR s.number > r.number AS lacks
FROM ({rollup}) AS r
CROSS JOIN ({source}) AS s;

-- name: number_in_rollup
-- The samples in some buckets.
SELECT coalesce(sum(sample_count), 0) AS number
FROM {source}
WHERE
    series_id = ANY(%(series)s::integer [])
    AND bucket >= %(since)s::timestamptz
    AND bucket < %(before)s::timestamptz;

-- name: number_of_samples
-- Samples as submitted, no more than are counted.
SELECT count(*) AS number
FROM (
    SELECT
    FROM {source}
    WHERE
        series_id = ANY(%(series)s::integer [])
        AND ts >= %(since)s::timestamptz
        AND ts < %(before)s::timestamptz
    LIMIT %(most)s + 1
) AS s;

-- name: texts_matching
-- Of some texts those that a regular expression matches.
SELECT v.value
FROM unnest(%(values)s::text []) AS v (value)
WHERE v.value ~ %(pattern)s;
