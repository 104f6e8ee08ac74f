-- name: alert_session
-- A statement that hangs must not stop the loop; a dead leader is noticed soon.
SELECT
    set_config('statement_timeout', '20s', FALSE),
    set_config('idle_in_transaction_session_timeout', '30s', FALSE),
    set_config('tcp_keepalives_idle', '5', FALSE),
    set_config('tcp_keepalives_interval', '2', FALSE),
    set_config('tcp_keepalives_count', '3', FALSE);

-- name: alert_lead
-- Whether this session leads; it does until it ends.
SELECT pg_try_advisory_lock(hashtextextended('fature.alerts', 0)) AS leads;

-- name: alert_rule_versions
-- What to compare the rules in memory with.
SELECT
    rule_id,
    version
FROM fature.alert_rule
WHERE is_active;

-- name: alert_rules_by_id
-- Rules that are new or were edited.
SELECT *
FROM fature.alert_rule
WHERE rule_id = ANY(%(rules)s::integer []);

-- name: alert_catalogue
-- What the catalogue says of the watched metrics; where all that is submitted comes more rarely than
-- it says, how often that is: in a shorter window there would never be a figure.
SELECT
    m.tenant,
    m.metric_name,
    m.unit,
    m.kind,
    m.default_aggregation,
    CASE
        -- Ends at the first series in nearly every case.
        WHEN
            EXISTS (
                SELECT
                FROM fature.series AS s
                WHERE
                    s.tenant = m.tenant
                    AND s.metric_name = m.metric_name
                    AND array_position(f.finest_first, s.frequency)
                    <= array_position(f.finest_first, m.frequency)
            )
            THEN m.frequency
        ELSE coalesce(
            (
                SELECT f.finest_first[min(array_position(f.finest_first, s.frequency))]
                FROM fature.series AS s
                WHERE s.tenant = m.tenant AND s.metric_name = m.metric_name
            ),
            m.frequency
        )
    END AS frequency,
    m.dimensions,
    m.formula IS NOT NULL AS is_derived
FROM fature.metric AS m
INNER JOIN unnest(%(tenants)s::text [], %(metrics)s::text []) AS w (tenant, metric_name)
    ON m.tenant = w.tenant AND m.metric_name = w.metric_name
CROSS JOIN (VALUES (ARRAY['real_time', 'hourly', 'daily', 'monthly'])) AS f (finest_first);

-- name: alert_frequencies
-- How often a metric is submitted, in every way that it is.
SELECT DISTINCT frequency
FROM fature.series
WHERE tenant = %(tenant)s AND metric_name = %(metric_name)s;

-- name: alert_series
-- The series of watched metrics from an id on.
SELECT
    s.series_id,
    s.tenant,
    s.metric_name,
    s.unit,
    s.frequency,
    s.service_name,
    s.affiliate_id,
    s.region,
    s.dimensions,
    s.created_at
FROM fature.series AS s
INNER JOIN unnest(%(tenants)s::text [], %(metrics)s::text []) AS w (tenant, metric_name)
    ON s.tenant = w.tenant AND s.metric_name = w.metric_name
WHERE s.series_id >= %(from_id)s;

-- name: settled_alert_series
-- The newest series that is so old that none with a smaller id can be committed any more: what made
-- them began earlier still.
SELECT series_id
FROM fature.series
WHERE created_at < now() - interval '5 minutes'
ORDER BY series_id DESC
LIMIT 1;

-- name: alert_states
-- What is remembered; a (rule, group) without a row is inactive. The text is what a later
-- change is compared with.
SELECT
    rule_id,
    group_labels,
    version,
    state::text AS state
FROM fature.alert_state;

-- name: alert_buckets
-- Every bucket of some series in a range of one rollup.
SELECT
    series_id,
    bucket,
    fature.nearest_double(sum_value) AS sum_value,
    sample_count,
    min_value,
    max_value,
    last_value
FROM {rollup}
WHERE
    series_id = ANY(%(series)s::integer [])
    AND bucket >= %(since)s::timestamptz
    AND bucket < %(before)s::timestamptz;

-- name: alert_trailing
-- The same combined to one row for each series: whole buckets and what the window has of the one
-- that it begins in.
SELECT
    series_id,
    fature.nearest_double(sum(sum_value)) AS sum_value,
    sum(sample_count)::bigint AS sample_count,
    min(min_value) AS min_value,
    max(max_value) AS max_value,
    (array_agg(last_value ORDER BY bucket DESC))[1] AS last_value
FROM ({parts}) AS part
GROUP BY series_id;

-- name: alert_samples_combined
-- The samples that a window begins with, as a bucket of each series; columns as in rollup_source.
SELECT
    min(ts) AS bucket,
    series_id,
    sum(value::numeric) AS sum_value,
    count(*) AS sample_count,
    min(value) AS min_value,
    max(value) AS max_value,
    (array_agg(value ORDER BY ts DESC, id DESC))[1] AS last_value
FROM {samples}
WHERE
    series_id = ANY(%(series)s::integer [])
    AND ts >= {since}::timestamptz
    AND ts < {before}::timestamptz
GROUP BY series_id;

-- name: alert_first_samples
-- The first kept sample of some series; one index look-up each.
SELECT
    s.series_id,
    (
        SELECT x.ts
        FROM {samples} AS x
        WHERE x.series_id = s.series_id
        ORDER BY x.ts
        LIMIT 1
    ) AS first_ts
FROM unnest(%(series)s::integer []) AS s (series_id);

-- name: alert_series_alive
-- Series that have a bucket since then.
SELECT DISTINCT series_id
FROM {rollup}
WHERE
    series_id = ANY(%(series)s::integer [])
    AND bucket >= %(since)s::timestamptz;

-- name: alert_sample_counts
-- Samples of some series in a range: more than a rollup has of them wait for its refresh.
SELECT
    series_id,
    count(*) AS number
FROM {samples}
WHERE
    series_id = ANY(%(series)s::integer [])
    AND ts >= %(since)s::timestamptz
    AND ts < %(before)s::timestamptz
GROUP BY series_id;

-- name: alert_negative_samples
-- Whether a sum of these series can shrink.
SELECT
    EXISTS (
        SELECT
        FROM {rollup}
        WHERE series_id = ANY(%(series)s::integer []) AND min_value < 0
    ) AS negative;

-- name: alert_last_buckets
-- The newest bucket of some series in a range.
SELECT
    series_id,
    max(bucket) AS bucket
FROM {rollup}
WHERE
    series_id = ANY(%(series)s::integer [])
    AND bucket >= %(since)s::timestamptz
    AND bucket < %(before)s::timestamptz
GROUP BY series_id;

-- name: alert_metric_names
-- What a misspelt metric may be.
SELECT metric_name
FROM fature.metric
WHERE tenant = %(tenant)s;

-- name: alert_seen_labels
-- Whether any series of a metric has a label; one that has none is called as in answers.
SELECT
    w.name,
    w.label,
    EXISTS (
        SELECT
        FROM fature.series AS s
        WHERE
            s.tenant = %(tenant)s
            AND s.metric_name = %(metric_name)s
            AND w.label = coalesce(
                CASE w.name
                    WHEN 'service_name' THEN s.service_name
                    WHEN 'affiliate_id' THEN s.affiliate_id
                    WHEN 'region' THEN s.region
                    WHEN 'unit' THEN s.unit
                    ELSE s.dimensions ->> w.name
                END,
                '(none)'
            )
    ) AS seen
FROM unnest(%(names)s::text [], %(labels)s::text []) AS w (name, label);

-- name: alert_units
-- The units that a metric has samples in.
SELECT DISTINCT unit
FROM fature.series
WHERE tenant = %(tenant)s AND metric_name = %(metric_name)s
ORDER BY unit;

-- name: alert_last_samples
-- The last kept sample of some series in a range; one index look-up each.
SELECT
    s.series_id,
    (
        SELECT x.ts
        FROM {samples} AS x
        WHERE
            x.series_id = s.series_id
            AND x.ts >= %(since)s::timestamptz
            AND x.ts < %(before)s::timestamptz
        ORDER BY x.ts DESC
        LIMIT 1
    ) AS last_ts
FROM unnest(%(series)s::integer []) AS s (series_id);

-- name: alert_last_steps
-- The last bucket that some series have in each period of a calendar.
SELECT
    h.series_id,
    {start} AS period_start,
    max(h.bucket) AS last_step
FROM {rollup} AS h
WHERE
    h.series_id = ANY(%(series)s::integer [])
    AND h.bucket >= %(since)s::timestamptz
    AND h.bucket < %(before)s::timestamptz
GROUP BY 1, 2;
