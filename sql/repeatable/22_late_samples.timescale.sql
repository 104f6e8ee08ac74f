-- Where rollups lack samples that came late: below the watermark and not refreshed since. What
-- reaches back for ever lies before all that is refreshed.

CREATE OR REPLACE VIEW fature.rollup_pending AS
SELECT
    c.user_view_name::text AS relation,
    _timescaledb_functions.to_timestamp(p.lowest) AS since,
    _timescaledb_functions.to_timestamp(least(p.greatest, m.watermark)) AS until
FROM _timescaledb_catalog.continuous_agg AS c
CROSS JOIN
    LATERAL (
        SELECT _timescaledb_functions.cagg_watermark(c.mat_hypertable_id) AS watermark
    ) AS m
CROSS JOIN
    LATERAL (
        SELECT
            h.lowest_modified_value AS lowest,
            h.greatest_modified_value AS greatest
        FROM _timescaledb_catalog.continuous_aggs_hypertable_invalidation_log AS h
        WHERE h.hypertable_id = c.raw_hypertable_id
        UNION ALL
        SELECT
            v.lowest_modified_value AS lowest,
            v.greatest_modified_value AS greatest
        FROM _timescaledb_catalog.continuous_aggs_materialization_invalidation_log AS v
        WHERE v.materialization_id = c.mat_hypertable_id
        UNION ALL
        -- A refresh that is under way has taken them out of the log.
        SELECT
            r.lowest_modified_value AS lowest,
            r.greatest_modified_value AS greatest
        FROM _timescaledb_catalog.continuous_aggs_materialization_ranges AS r
        WHERE r.materialization_id = c.mat_hypertable_id
    ) AS p
WHERE
    c.user_view_schema = 'fature'
    AND p.lowest > (-9223372036854775808)::bigint
    AND p.lowest < m.watermark;
COMMENT ON VIEW fature.rollup_pending IS
'Where each rollup lacks samples that came late, until its next refresh.';
