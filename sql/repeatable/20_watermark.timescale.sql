-- Up to where each rollup is materialised; what is newer is computed live.

CREATE OR REPLACE VIEW fature.rollup_watermark AS
SELECT
    c.user_view_name::text AS relation,
    m.watermark
FROM _timescaledb_catalog.continuous_agg AS c
CROSS JOIN
    LATERAL (
        SELECT
            _timescaledb_functions.to_timestamp(
                _timescaledb_functions.cagg_watermark(c.mat_hypertable_id)
            ) AS watermark
    ) AS m
WHERE
    c.user_view_schema = 'fature'
    -- One that was never refreshed has the smallest timestamp there is.
    AND m.watermark > '1970-01-01 00:00:00+00';
COMMENT ON VIEW fature.rollup_watermark IS
'Up to where each rollup is materialised; what is newer is computed live.';
