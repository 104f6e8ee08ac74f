-- name: breakdown_source
-- Buckets of the given series from one rollup in a piece of a range; 0 is the range itself, the
-- others are those to compare with.
SELECT
    {range}::integer AS range_number,
    series_id,
    sum_value,
    sample_count,
    min_value,
    max_value
FROM {rollup}
WHERE
    series_id = ANY(%(series)s::integer [])
    AND bucket >= {since}
    AND bucket < {before};

-- name: breakdown_settled
-- What pieces of a range that are materialised come to for each series: as arrays, which are sent back
-- with every question about it.
SELECT
    array_agg(t.series_id)::text AS series,
    array_agg(t.amount)::text AS amounts,
    array_agg(t.number)::text AS numbers,
    array_agg(t.extreme)::text AS extremes
FROM (
    SELECT
        r.series_id,
        sum(r.sum_value) AS amount,
        sum(r.sample_count)::bigint AS number,
        {extreme} AS extreme
    FROM ({sources}) AS r
    GROUP BY r.series_id
) AS t;

-- name: breakdown_kept_source
-- Those arrays as buckets.
SELECT
    {range}::integer AS range_number,
    k.series_id,
    k.amount AS sum_value,
    k.number AS sample_count,
    k.extreme AS min_value,
    k.extreme AS max_value
FROM
    unnest(
        {series}::integer [], {amounts}::numeric [], {numbers}::bigint [],
        {extremes}::double precision []
    ) AS k (series_id, amount, number, extreme);

-- name: breakdown_last_source
-- The last value of each series in a range, and when the step began that it is of.
SELECT
    {range}::integer AS range_number,
    h.series_id,
    (array_agg(h.last_value ORDER BY h.bucket DESC))[1] AS last_value,
    max(h.bucket) AS ended,
    max(h.step) AS step
FROM ({steps}) AS h
GROUP BY h.series_id;

-- name: breakdown_found
-- What the value of each group in each range is made of.
SELECT
    s.group_number,
    r.range_number,
    {parts}
FROM ({sources}) AS r
INNER JOIN
    unnest(%(series)s::integer [], %(groups)s::integer []) AS s (series_id, group_number)
    ON r.series_id = s.series_id
GROUP BY s.group_number, r.range_number;

-- name: breakdown_found_alive
-- The same of last values, of the series that were still alive: none that ended more than two of its
-- steps before the newest of its group.
SELECT
    r.group_number,
    r.range_number,
    sum(r.last_value::numeric) AS amount,
    NULL::numeric AS number,
    CASE WHEN count(*) = 1 THEN min(r.last_value) END AS extreme
FROM (
    SELECT
        p.range_number,
        s.group_number,
        p.last_value,
        p.ended + 2 * p.step
        >= max(p.ended) OVER (PARTITION BY p.range_number, s.group_number) AS is_alive
    FROM ({sources}) AS p
    INNER JOIN
        unnest(%(series)s::integer [], %(groups)s::integer []) AS s (series_id, group_number)
        ON p.series_id = s.series_id
) AS r
WHERE r.is_alive
GROUP BY r.group_number, r.range_number;

-- name: parts_sum
-- Exact.
sum(r.sum_value) AS amount,
NULL::numeric AS number,
NULL::double precision AS extreme;

-- name: parts_count
-- Samples.
sum(r.sample_count) AS amount,
NULL::numeric AS number,
NULL::double precision AS extreme;

-- name: parts_avg
-- Never a mean of means.
sum(r.sum_value) AS amount,
sum(r.sample_count) AS number,
NULL::double precision AS extreme;

-- name: parts_min
-- The smallest.
NULL::numeric AS amount,
NULL::numeric AS number,
min(r.min_value) AS extreme;

-- name: parts_max
-- The largest.
NULL::numeric AS amount,
NULL::numeric AS number,
max(r.max_value) AS extreme;

-- name: extreme_only
-- Of several groups as one: none, but of one alone its own.
CASE WHEN count(*) = 1 THEN min({extreme}) END;

-- name: extreme_min
-- The smallest.
min({extreme});

-- name: extreme_max
-- The largest.
max({extreme});

-- name: mean_of_extremes
-- Of ranges to compare with; of one its own.
avg(f.extreme) FILTER (WHERE f.range_number > 0);

-- name: no_extreme
-- Of several ranges of last values: what was one series in one of them may be two in another.
NULL::double precision;

-- name: made_of_amount
-- A value of its parts, none where there are none.
fature.nearest_double({amount});

-- name: made_of_mean
-- To 15 digits, as in aggregates.
fature.nearest_double(fature.nearest_double({amount} / nullif({number}, 0))::numeric);

-- name: made_of_extreme
-- As it is.
{extreme};

-- name: made_of_last
-- Of one series as it is.
coalesce({extreme}, fature.nearest_double({amount}));

-- name: nothing_is_zero
-- Where nothing came, that is 0 of what adds up, if there is anything to compare it with.
coalesce({value}, 0);

-- name: nothing_is_unknown
-- Where nothing came, that has no value.
{value};

-- name: key_value
-- The largest first.
-v.value;

-- name: key_change
-- What grew most first.
fature.nearest_double(v.baseline::numeric - v.value::numeric);

-- name: key_change_percent
-- What grew most for its size first.
fature.nearest_double(
    (v.baseline::numeric - v.value::numeric) / nullif(abs(v.baseline::numeric), 0)
);

-- name: key_name
-- Groups are numbered by name.
v.group_number;

-- name: reversed
-- The other way round; what has no value stays last.
-({key});

-- name: breakdown
-- A page of the groups of a selection, ranked; a row of the others behind it and one of all. Each has
-- its value and that of the range to compare with: of several the mean of those in which there is
-- anything, where what a group does not have counts as nothing.
WITH found AS MATERIALIZED ({found}),

compared AS (
    SELECT nullif(count(DISTINCT range_number), 0) AS ranges
    FROM found
    WHERE range_number > 0
),

paired AS MATERIALIZED (
    SELECT
        f.group_number,
        sum(f.amount) FILTER (WHERE f.range_number = 0) AS amount,
        sum(f.number) FILTER (WHERE f.range_number = 0) AS number,
        min(f.extreme) FILTER (WHERE f.range_number = 0) AS extreme,
        sum(f.amount) FILTER (WHERE f.range_number > 0) / min(c.ranges) AS amount_before,
        sum(f.number) FILTER (WHERE f.range_number > 0) / min(c.ranges) AS number_before,
        {extreme_before} AS extreme_before
    FROM found AS f
    CROSS JOIN compared AS c
    GROUP BY f.group_number
),

listed AS (
    SELECT g.*
    FROM (
        SELECT
            p.*,
            {value} AS value,
            CASE WHEN c.ranges IS NOT NULL THEN {baseline} END AS baseline
        FROM paired AS p
        CROSS JOIN compared AS c
    ) AS g
    WHERE %(wanted)s::integer [] IS NULL OR g.group_number = ANY(%(wanted)s::integer [])
),

behind AS MATERIALIZED (
    SELECT
        k.*,
        row_number() OVER (ORDER BY k.sort_key NULLS LAST, k.group_number) AS position
    FROM (
        SELECT
            v.*,
            ({key})::double precision AS sort_key
        FROM listed AS v
    ) AS k
    WHERE
        NOT %(goes_on)s
        OR k.sort_key > %(after_key)s::double precision
        OR (
            k.sort_key IS NOT DISTINCT FROM %(after_key)s::double precision
            AND k.group_number > %(after_group)s::integer
        )
        OR (k.sort_key IS NULL AND %(after_key)s::double precision IS NOT NULL)
)

SELECT
    0 AS part,
    b.position,
    b.group_number,
    b.value,
    b.baseline,
    b.sort_key
FROM behind AS b
WHERE b.position <= %(limit)s
UNION ALL
SELECT
    1 AS part,
    (SELECT count(*) FROM behind WHERE position > %(limit)s),
    NULL,
    {value_of_others},
    {baseline_of_others},
    NULL
FROM (
    SELECT
        sum(b.amount) AS amount,
        sum(b.number) AS number,
        {extreme_of_others} AS extreme,
        sum(b.amount_before) AS amount_before,
        sum(b.number_before) AS number_before,
        {extreme_before_of_others} AS extreme_before
    FROM behind AS b
    WHERE b.position > %(limit)s
) AS others
UNION ALL
SELECT
    2 AS part,
    (SELECT count(*) FROM listed),
    NULL,
    {value_of_all},
    {baseline_of_all},
    NULL
FROM (
    SELECT
        sum(p.amount) AS amount,
        sum(p.number) AS number,
        {extreme_of_all} AS extreme,
        sum(p.amount_before) AS amount_before,
        sum(p.number_before) AS number_before,
        {extreme_before_of_all} AS extreme_before
    FROM paired AS p
) AS everything
ORDER BY part, position;
