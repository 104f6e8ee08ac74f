-- name: lead_impacts
-- Whether this transaction is the one that computes impacts.
SELECT pg_try_advisory_xact_lock(hashtextextended('fature.impacts', 0)) AS leads;

-- name: events_without_impact
-- Events whose impact is not known, or no more: every few minutes while they last, once they are
-- over, and once more when what comes late is there. Those of forecasts are about what has not come.
SELECT e.event_id
FROM fature.alert_event AS e
INNER JOIN fature.alert_rule AS r ON e.rule_id = r.rule_id
WHERE
    r.type <> 'forecast'
    AND e.opened_at > %(now)s::timestamptz - interval '60 days'
    AND (
        e.impact_at IS NULL
        OR (e.resolved_at IS NULL AND e.impact_at < %(now)s::timestamptz - interval '5 minutes')
        OR e.impact_at < e.resolved_at
        OR (
            e.impact_at < e.resolved_at + interval '1 hour'
            AND e.resolved_at < %(now)s::timestamptz - interval '1 hour'
        )
    )
ORDER BY e.impact_at NULLS FIRST, e.event_id DESC
LIMIT %(limit)s;

-- name: event_with_rule
-- An event, and what its rule watched when it opened; where that was not kept, what it watches.
SELECT
    e.event_id,
    e.tenant,
    e.metric_name,
    e.aggregation,
    e.window_name,
    e.window_start,
    e.group_labels,
    e.opened_at,
    e.resolved_at,
    e.resolved_by,
    coalesce(
        e.rule,
        jsonb_build_object(
            'service_name', r.service_name,
            'affiliate_id', r.affiliate_id,
            'region', r.region,
            'unit', r.unit,
            'filters', r.filters
        )
    ) AS rule
FROM fature.alert_event AS e
INNER JOIN fature.alert_rule AS r ON e.rule_id = r.rule_id
WHERE e.event_id = %(event_id)s AND r.type <> 'forecast';

-- name: record_impact
-- The impact of an event, as it was computed.
UPDATE fature.alert_event
SET
    impact = %(difference)s::float8,
    impact_expected = %(expected)s::float8,
    impact_unit = %(unit)s,
    impact_since = %(since)s::timestamptz,
    impact_until = %(until)s::timestamptz,
    impact_at = %(now)s::timestamptz
WHERE event_id = %(event_id)s;

-- name: stored_impact
-- The impact of an event, and when it was computed since the event is what it is.
SELECT
    aggregation,
    impact,
    impact_expected,
    impact_unit,
    impact_since,
    impact_until,
    CASE WHEN resolved_at IS NULL OR impact_at >= resolved_at THEN impact_at END AS computed_at
FROM fature.alert_event
WHERE event_id = %(event_id)s;

-- name: drawn_event
-- An event of any tenant.
SELECT *
FROM fature.alert_event
WHERE event_id = %(event_id)s;
