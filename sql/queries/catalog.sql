-- name: catalog_entries
-- What questions about metrics need to know.
SELECT
    metric_name,
    default_aggregation,
    fature.dimensions_of(tenant, dimensions, operands) AS dimensions,
    unit,
    kind,
    formula
FROM fature.metric
WHERE tenant = %(tenant)s AND metric_name = ANY(%(metric_names)s::text []);

-- name: metric_names
-- Every metric in scope.
SELECT m.metric_name
FROM fature.metric AS m
WHERE
    m.tenant = %(tenant)s
    AND (
        %(only_service)s::text IS NULL
        OR EXISTS (
            SELECT FROM fature.series AS s
            WHERE
                s.tenant = m.tenant
                AND s.metric_name = m.metric_name
                AND s.service_name = %(only_service)s
        )
    )
ORDER BY m.metric_name;

-- name: catalog_listed
-- Every metric in scope with its number of series; for one service those it has any of.
SELECT
    m.metric_name,
    m.metric_type,
    m.unit,
    m.units,
    m.kind,
    m.default_aggregation,
    m.frequency,
    m.description,
    fature.dimensions_of(m.tenant, m.dimensions, m.operands) AS dimensions,
    m.formula,
    count(s.series_id) AS series
FROM fature.metric AS m
LEFT JOIN fature.series AS s
    ON
        m.tenant = s.tenant
        AND m.metric_name = s.metric_name
        AND (
            %(only_service)s::text IS NULL
            OR s.service_name = %(only_service)s
        )
WHERE m.tenant = %(tenant)s
GROUP BY m.tenant, m.metric_name
HAVING %(only_service)s::text IS NULL OR count(s.series_id) > 0
ORDER BY m.metric_name;

-- name: catalog
-- Every metric in scope, or one, with its series and the span of its kept samples,
-- submitted and imported. One look-up per series and frequency in the (series_id, ts) index.
SELECT
    m.metric_name,
    m.metric_type,
    m.unit,
    m.units,
    m.kind,
    m.default_aggregation,
    m.frequency,
    m.description,
    fature.dimensions_of(m.tenant, m.dimensions, m.operands) AS dimensions,
    m.formula,
    count(DISTINCT s.series_id) AS series,
    min(span.first_ts) AS first_sample,
    max(span.last_ts) AS last_sample
FROM fature.metric AS m
LEFT JOIN fature.series AS s
    ON
        m.tenant = s.tenant
        AND m.metric_name = s.metric_name
        AND (
            %(only_service)s::text IS NULL
            OR s.service_name = %(only_service)s
        )
LEFT JOIN LATERAL (
    SELECT
        (
            SELECT x.ts
            FROM fature.sample_real_time AS x
            WHERE x.series_id = s.series_id
            ORDER BY x.ts
            LIMIT 1
        ) AS first_ts,
        (
            SELECT x.ts
            FROM fature.sample_real_time AS x
            WHERE x.series_id = s.series_id
            ORDER BY x.ts DESC
            LIMIT 1
        ) AS last_ts
    WHERE s.frequency = 'real_time'
    UNION ALL
    SELECT
        (
            SELECT x.ts
            FROM fature.sample_hourly AS x
            WHERE x.series_id = s.series_id
            ORDER BY x.ts
            LIMIT 1
        ),
        (
            SELECT x.ts
            FROM fature.sample_hourly AS x
            WHERE x.series_id = s.series_id
            ORDER BY x.ts DESC
            LIMIT 1
        )
    WHERE s.frequency = 'hourly'
    UNION ALL
    SELECT
        (
            SELECT x.ts
            FROM fature.sample_daily AS x
            WHERE x.series_id = s.series_id
            ORDER BY x.ts
            LIMIT 1
        ),
        (
            SELECT x.ts
            FROM fature.sample_daily AS x
            WHERE x.series_id = s.series_id
            ORDER BY x.ts DESC
            LIMIT 1
        )
    WHERE s.frequency = 'daily'
    UNION ALL
    SELECT
        (
            SELECT x.ts
            FROM fature.sample_monthly AS x
            WHERE x.series_id = s.series_id
            ORDER BY x.ts
            LIMIT 1
        ),
        (
            SELECT x.ts
            FROM fature.sample_monthly AS x
            WHERE x.series_id = s.series_id
            ORDER BY x.ts DESC
            LIMIT 1
        )
    WHERE s.frequency = 'monthly'
    UNION ALL
    SELECT
        (
            SELECT x.ts
            FROM fature.imported_real_time AS x
            WHERE x.series_id = s.series_id
            ORDER BY x.ts
            LIMIT 1
        ),
        (
            SELECT x.ts
            FROM fature.imported_real_time AS x
            WHERE x.series_id = s.series_id
            ORDER BY x.ts DESC
            LIMIT 1
        )
    WHERE s.frequency = 'real_time'
    UNION ALL
    SELECT
        (
            SELECT x.ts
            FROM fature.imported_hourly AS x
            WHERE x.series_id = s.series_id
            ORDER BY x.ts
            LIMIT 1
        ),
        (
            SELECT x.ts
            FROM fature.imported_hourly AS x
            WHERE x.series_id = s.series_id
            ORDER BY x.ts DESC
            LIMIT 1
        )
    WHERE s.frequency = 'hourly'
    UNION ALL
    SELECT
        (
            SELECT x.ts
            FROM fature.imported_daily AS x
            WHERE x.series_id = s.series_id
            ORDER BY x.ts
            LIMIT 1
        ),
        (
            SELECT x.ts
            FROM fature.imported_daily AS x
            WHERE x.series_id = s.series_id
            ORDER BY x.ts DESC
            LIMIT 1
        )
    WHERE s.frequency = 'daily'
    UNION ALL
    SELECT
        (
            SELECT x.ts
            FROM fature.imported_monthly AS x
            WHERE x.series_id = s.series_id
            ORDER BY x.ts
            LIMIT 1
        ),
        (
            SELECT x.ts
            FROM fature.imported_monthly AS x
            WHERE x.series_id = s.series_id
            ORDER BY x.ts DESC
            LIMIT 1
        )
    WHERE s.frequency = 'monthly'
) AS span ON TRUE
WHERE
    m.tenant = %(tenant)s
    AND (%(metric_name)s::text IS NULL OR m.metric_name = %(metric_name)s)
GROUP BY m.tenant, m.metric_name
HAVING %(only_service)s::text IS NULL OR count(s.series_id) > 0
ORDER BY m.metric_name;

-- name: catalog_entry_for_update
-- What can be edited, while it is.
SELECT
    kind,
    default_aggregation,
    unit,
    units,
    description,
    dimensions,
    formula
FROM fature.metric
WHERE tenant = %(tenant)s AND metric_name = %(metric_name)s
FOR UPDATE;

-- name: update_catalog_entry
-- What is NULL stays. A unit alone takes the place of the first of the units, an empty one that of
-- all.
UPDATE fature.metric
SET
    kind = coalesce(%(kind)s, kind),
    default_aggregation = coalesce(%(default_aggregation)s, default_aggregation),
    unit = CASE
        WHEN %(units)s::text [] IS NOT NULL THEN (%(units)s::text [])[1]
        ELSE nullif(coalesce(%(unit)s, unit), '')
    END,
    units = CASE
        WHEN %(units)s::text [] IS NOT NULL THEN %(units)s::text []
        WHEN %(unit)s::text IS NULL THEN units
        WHEN %(unit)s::text = '' THEN '{}'
        ELSE array_prepend(%(unit)s::text, array_remove(units[2:], %(unit)s::text))
    END,
    description = coalesce(%(description)s, description),
    dimensions = coalesce(%(dimensions)s::text[], dimensions),
    updated_at = now()
WHERE tenant = %(tenant)s AND metric_name = %(metric_name)s
RETURNING kind, default_aggregation, unit, units, description, dimensions, formula;

-- name: metrics_to_derive_from
-- A metric that is defined and those that its formula names, which stay as they are meanwhile.
SELECT
    m.metric_name,
    m.metric_type,
    m.unit,
    m.kind,
    m.default_aggregation,
    m.frequency,
    m.description,
    m.formula,
    EXISTS (
        SELECT FROM fature.series AS s
        WHERE m.tenant = s.tenant AND m.metric_name = s.metric_name
    ) AS has_series
FROM fature.metric AS m
WHERE m.tenant = %(tenant)s AND m.metric_name = ANY(%(metric_names)s::text [])
ORDER BY m.metric_name
FOR UPDATE OF m;

-- name: derived_from_metric
-- The derived metrics whose formula names a metric.
SELECT metric_name
FROM fature.metric
WHERE tenant = %(tenant)s AND %(metric_name)s = ANY(operands)
ORDER BY metric_name;

-- name: define_metric
-- A derived metric, new or with another formula.
INSERT INTO fature.metric (
    tenant, metric_name, metric_type, unit, units, kind, default_aggregation, frequency,
    description, formula, operands
)
VALUES (
    %(tenant)s, %(metric_name)s, %(metric_type)s, %(unit)s,
    array_remove(ARRAY[%(unit)s::text], NULL), %(kind)s, %(default_aggregation)s, %(frequency)s,
    %(description)s, %(formula)s, %(operands)s
)
ON CONFLICT (tenant, metric_name) DO UPDATE
    SET
        metric_type = excluded.metric_type,
        unit = excluded.unit,
        units = excluded.units,
        kind = excluded.kind,
        default_aggregation = excluded.default_aggregation,
        frequency = excluded.frequency,
        description = excluded.description,
        dimensions = '{}',
        formula = excluded.formula,
        operands = excluded.operands,
        updated_at = now();
