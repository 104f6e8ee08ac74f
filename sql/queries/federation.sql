-- name: members
-- The installations that this one answers over.
SELECT
    member_name,
    engine,
    timezone,
    version,
    timeout_seconds,
    federated_at
FROM fature.member
ORDER BY member_name;

-- name: member_installation
-- What a member says of itself.
SELECT
    engine,
    timezone,
    installation_id,
    interface,
    version
FROM {installation};

-- name: installation_id
-- By which this installation is known.
SELECT installation_id
FROM federation.installation;

-- name: lock_members
-- Two at once would each make the same server.
SELECT pg_advisory_xact_lock(hashtextextended('fature.members', 0));

-- name: create_postgres_fdw
-- A superuser's to make; who owns the database may on some platforms.
CREATE EXTENSION IF NOT EXISTS postgres_fdw;

-- name: create_member_server
-- Asked for rows in few portions and beside others; what is computed is computed there.
CREATE SERVER {server} FOREIGN DATA WRAPPER postgres_fdw OPTIONS ({options});

-- name: create_member_mapping
-- Of all who may read its tables here. Only who owns the server sees what is in it.
CREATE USER MAPPING FOR PUBLIC SERVER {server} OPTIONS ({options});

-- name: server_option
-- One of a server or user mapping.
{name} {value};

-- name: create_member_schema
-- Where its tables are.
CREATE SCHEMA {server};

-- name: import_member
-- Its views, as they are there.
IMPORT FOREIGN SCHEMA federation FROM SERVER {server} INTO {server};

-- name: let_app_use_member
-- The service reads its tables.
GRANT USAGE ON SCHEMA {server} TO fature_app;

-- name: let_app_read_member
-- The service reads its tables.
GRANT SELECT ON ALL TABLES IN SCHEMA {server} TO fature_app;

-- name: drop_member_schema
-- Its tables here.
DROP SCHEMA IF EXISTS {server} CASCADE;

-- name: drop_member_server
-- How it was reached, password included.
DROP SERVER IF EXISTS {server} CASCADE;

-- name: record_member
-- From now on it is asked.
INSERT INTO fature.member
(member_name, engine, timezone, version, timeout_seconds, installation_id)
VALUES
(
    %(name)s, %(engine)s, %(timezone)s, %(version)s, %(timeout)s, %(installation_id)s
);

-- name: forget_member
-- From now on it is not asked; whether it was.
DELETE FROM fature.member
WHERE member_name = %(name)s
RETURNING member_name;

-- name: member_addresses
-- Where each member is, without who logs in there.
SELECT
    m.member_name,
    m.engine,
    m.timezone,
    m.version,
    m.timeout_seconds,
    (
        SELECT string_agg(o.option_value, ':' ORDER BY o.option_name)
        FROM pg_options_to_table(s.srvoptions) AS o
        WHERE o.option_name IN ('host', 'port')
    ) AS address,
    (
        SELECT o.option_value
        FROM pg_options_to_table(s.srvoptions) AS o
        WHERE o.option_name = 'dbname'
    ) AS database
FROM fature.member AS m
LEFT JOIN pg_foreign_server AS s ON s.srvname = 'member_' || m.member_name
ORDER BY m.member_name;

-- name: renew_member_views
-- Views of schema analytics over all members that there are now.
SELECT fature.renew_member_views();

-- name: create_hub_role
-- A log-in that reads what hubs do and writes nothing.
CREATE ROLE {role} NOLOGIN CONNECTION LIMIT 100;

-- name: limit_hub_role
-- Slips are refused at once.
ALTER ROLE {role} SET default_transaction_read_only TO on;

-- name: hub_role
-- Whether a role is a hub's, and whether it may more.
SELECT
    pg_has_role(r.oid, 'fature_hub', 'MEMBER') AS is_hub,
    r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls
    OR pg_has_role(r.oid, 'fature_app', 'MEMBER') AS may_more
FROM pg_roles AS r
WHERE r.rolname = %(role)s;

-- name: member_series
-- The series of a member that a selection covers. Plain comparisons, which are made there.
SELECT
    1 AS number,
    s.series_id,
    s.unit,
    s.frequency,
    s.service_name,
    s.affiliate_id,
    s.region,
    s.dimensions
FROM {series} AS s
WHERE {conditions};

-- name: member_series_is
-- A series has this label.
s.{label} = {value};

-- name: member_series_lacks
-- A series has no such label.
s.{label} IS NULL;

-- name: member_series_dimensions
-- A series has these dimensions.
s.dimensions @> {dimensions}::jsonb;

-- name: member_aggregate
-- Values per bucket and group, newest first, of what a member has combined. Materialized, so that
-- how they are wanted here does not keep grouping from being done there.
WITH source AS MATERIALIZED ({sources})

SELECT
    date_part('epoch', r.bucket)::bigint AS bucket_start,
    r.group_number,
    {value}
FROM source AS r
GROUP BY r.bucket, r.group_number
ORDER BY r.bucket DESC, r.group_number DESC
LIMIT %(limit)s;

-- name: member_source
-- Buckets of a member's rollup, combined there. postgres_fdw sends no function that takes words, such
-- as a time zone: the number of a group comes from that of the series among all, sorted.
SELECT
    bucket,
    (%(groups)s::integer [])[width_bucket(series_id, %(series)s::integer [])] AS group_number,
    sum(sum_value) AS sum_value,
    sum(sample_count) AS sample_count,
    min(min_value) AS min_value,
    max(max_value) AS max_value
FROM {rollup}
WHERE
    series_id = ANY(%(series)s::integer [])
    {bounds}
GROUP BY 1, 2;

-- name: member_source_combined
-- The same, of shorter buckets, such as hours for the calendar of another time zone: a period is the
-- number of its start.
SELECT
    (%(periods)s::timestamptz [])[p.period_number] AS bucket,
    p.group_number,
    p.sum_value,
    p.sample_count,
    p.min_value,
    p.max_value
FROM (
    SELECT
        width_bucket(bucket, %(periods)s::timestamptz []) AS period_number,
        (%(groups)s::integer [])[width_bucket(series_id, %(series)s::integer [])] AS group_number,
        sum(sum_value) AS sum_value,
        sum(sample_count) AS sample_count,
        min(min_value) AS min_value,
        max(max_value) AS max_value
    FROM {rollup}
    WHERE
        series_id = ANY(%(series)s::integer [])
        {bounds}
    GROUP BY 1, 2
) AS p
WHERE p.period_number > 0;

-- name: member_source_whole
-- The same, of a whole range as one period.
SELECT
    'epoch'::timestamptz AS bucket,
    p.group_number,
    p.sum_value,
    p.sample_count,
    p.min_value,
    p.max_value
FROM (
    SELECT
        (%(groups)s::integer [])[width_bucket(series_id, %(series)s::integer [])] AS group_number,
        sum(sum_value) AS sum_value,
        sum(sample_count) AS sample_count,
        min(min_value) AS min_value,
        max(max_value) AS max_value
    FROM {rollup}
    WHERE
        series_id = ANY(%(series)s::integer [])
        {bounds}
    GROUP BY 1
) AS p;

-- name: member_steps
-- The last value of each series in each period, from one rollup of a member, and its bucket.
SELECT
    p.bucket,
    p.series_id,
    p.last_value,
    {step}::interval AS step
FROM (
    SELECT
        {period} AS period,
        series_id,
        (array_agg(last_value ORDER BY bucket DESC))[1] AS last_value,
        max(bucket) AS bucket
    FROM {rollup}
    WHERE
        series_id = ANY(%(series)s::integer [])
        {bounds}
    GROUP BY 1, 2
) AS p;

-- name: member_bucket
-- Of buckets that are periods.
bucket;

-- name: member_period
-- Of buckets within periods, the number of the start of theirs.
width_bucket(bucket, %(periods)s::timestamptz []);

-- name: member_watermarks
-- Up to where the rollups of a member are materialised.
SELECT
    relation,
    watermark
FROM {watermarks};

-- name: member_catalog
-- The catalogue of a member; for one service the metrics that it has series of.
SELECT
    c.metric_name,
    c.metric_type,
    c.unit,
    c.units,
    c.kind,
    c.default_aggregation,
    c.frequency,
    c.description,
    c.dimensions,
    coalesce(s.series, 0) AS series,
    s.first_sample,
    s.last_sample
FROM (
    SELECT *
    FROM {catalog}
    WHERE tenant = %(tenant)s
) AS c
LEFT JOIN (
    SELECT
        metric_name,
        count(*) AS series,
        min(first_sample) AS first_sample,
        max(last_sample) AS last_sample
    FROM {spans}
    WHERE
        tenant = %(tenant)s
        AND (%(only_service)s::text IS NULL OR service_name = %(only_service)s)
    GROUP BY metric_name
) AS s ON c.metric_name = s.metric_name
WHERE %(only_service)s::text IS NULL OR s.series > 0
ORDER BY c.metric_name;

-- name: member_label_values
-- The values that a label or dimension has among the series of some metrics of a member, of those that
-- fit a pattern the first.
(
    SELECT
        {name}::text AS name,
        v.value
    FROM (
        SELECT DISTINCT {label} AS value
        FROM {series} AS f
        WHERE
            f.tenant = %(tenant)s
            AND (%(only_service)s::text IS NULL OR f.service_name = %(only_service)s)
            AND f.metric_name = ANY(%(metrics)s::text [])
    ) AS v
    WHERE v.value ILIKE %(pattern)s
    ORDER BY v.value
    LIMIT 500
);
