-- name: insert_health_report
-- One report.
INSERT INTO fature.service_health (
    ts, tenant, service_name, status, response_time_ms, error_rate, cpu_usage,
    memory_usage, version, uptime_seconds, metadata
)
VALUES (
    %(ts)s, %(tenant)s, %(service_name)s, %(status)s, %(response_time_ms)s, %(error_rate)s,
    %(cpu_usage)s, %(memory_usage)s, %(version)s, %(uptime_seconds)s, %(metadata)s::jsonb
);

-- name: latest_health_reports
-- The newest report of every service in scope.
SELECT DISTINCT ON (service_name)
    service_name,
    status,
    response_time_ms,
    error_rate,
    cpu_usage,
    memory_usage,
    version,
    uptime_seconds,
    metadata,
    ts AS "timestamp"
FROM fature.service_health
WHERE
    tenant = %(tenant)s
    AND (%(only_service)s::text IS NULL OR service_name = %(only_service)s)
ORDER BY service_name, ts DESC;

-- name: health_history
-- Reports of one service, newest first.
SELECT
    service_name,
    status,
    response_time_ms,
    error_rate,
    cpu_usage,
    memory_usage,
    version,
    uptime_seconds,
    metadata,
    ts AS "timestamp"
FROM fature.service_health
WHERE
    tenant = %(tenant)s
    AND service_name = %(service_name)s
    AND ts >= %(since)s::timestamptz
    AND ts < %(before)s::timestamptz
    AND ts < %(cursor)s::timestamptz
ORDER BY ts DESC
LIMIT %(limit)s;

-- name: health_segments
-- Seconds in each status by service and segment of `width`, within a range: a report holds
-- until the next one, for at most five minutes, and not ahead of time. The report before the range
-- counts into it. `first` is when the first of them begins.
SELECT
    r.service_name,
    r.first,
    segment.start,
    r.status,
    sum(
        extract(
            EPOCH FROM least(r.until, segment.start + %(width)s::interval)
            - greatest(r.since, segment.start)
        )
    )::double precision AS seconds
FROM (
    SELECT
        service_name,
        status,
        greatest(ts, %(since)s::timestamptz) AS since,
        min(greatest(ts, %(since)s::timestamptz)) OVER (PARTITION BY service_name) AS first,
        least(
            lead(ts) OVER (PARTITION BY service_name ORDER BY ts),
            ts + interval '5 minutes',
            %(before)s::timestamptz,
            now()
        ) AS until
    FROM fature.service_health
    WHERE
        tenant = %(tenant)s
        AND (%(service_name)s::text IS NULL OR service_name = %(service_name)s)
        AND ts >= %(since)s::timestamptz - interval '5 minutes'
        AND ts < %(before)s::timestamptz
) AS r
CROSS JOIN LATERAL generate_series(
    date_bin(%(width)s::interval, r.since, %(since)s::timestamptz),
    r.until - interval '1 microsecond',
    %(width)s::interval
) AS segment (start)
WHERE r.until > r.since
GROUP BY r.service_name, r.first, segment.start, r.status
ORDER BY r.service_name, segment.start;

-- name: services_before
-- Those of some services that reported before an instant.
SELECT n.name
FROM unnest(%(names)s::text []) AS n (name)
WHERE
    EXISTS (
        SELECT
        FROM fature.service_health AS h
        WHERE
            h.tenant = %(tenant)s
            AND h.service_name = n.name
            AND h.ts < %(since)s::timestamptz
    );

-- name: health_figures
-- Means of what a service reported, by segment of `width`. Response times have not always been
-- bounded, and a mean of doubles fails where a square of one is no double any more.
SELECT
    date_bin(%(width)s::interval, ts, %(since)s::timestamptz) AS start,
    fature.nearest_double(avg(response_time_ms::numeric)) AS response_time_ms,
    avg(error_rate) AS error_rate,
    avg(cpu_usage) AS cpu_usage,
    avg(memory_usage) AS memory_usage
FROM fature.service_health
WHERE
    tenant = %(tenant)s
    AND service_name = %(service_name)s
    AND ts >= %(since)s::timestamptz
    AND ts < %(before)s::timestamptz
GROUP BY 1
ORDER BY 1;
