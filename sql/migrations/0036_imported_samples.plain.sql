-- Samples of imported history, older than those that are submitted: kept as long as there are figures
-- of days. The rollups are views of both; :'timezone' is the business time zone.

CREATE TABLE fature.imported_real_time (
    ts timestamptz NOT NULL,
    id bigint NOT NULL,
    series_id integer NOT NULL,
    value double precision NOT NULL,
    metadata jsonb,
    batch_id integer NOT NULL
);
CREATE INDEX imported_real_time_by_series ON fature.imported_real_time (series_id, ts DESC, id DESC)
INCLUDE (value);
CREATE INDEX imported_real_time_by_id ON fature.imported_real_time USING brin (id);
COMMENT ON TABLE fature.imported_real_time IS 'Imported samples of frequency real_time.';

CREATE TABLE fature.imported_hourly (
    ts timestamptz NOT NULL,
    id bigint NOT NULL,
    series_id integer NOT NULL,
    value double precision NOT NULL,
    metadata jsonb,
    batch_id integer NOT NULL
);
CREATE INDEX imported_hourly_by_series ON fature.imported_hourly (series_id, ts DESC, id DESC)
INCLUDE (value);
CREATE INDEX imported_hourly_by_id ON fature.imported_hourly USING brin (id);
COMMENT ON TABLE fature.imported_hourly IS 'Imported samples of frequency hourly.';

CREATE TABLE fature.imported_daily (
    ts timestamptz NOT NULL,
    id bigint NOT NULL,
    series_id integer NOT NULL,
    value double precision NOT NULL,
    metadata jsonb,
    batch_id integer NOT NULL
);
CREATE INDEX imported_daily_by_series ON fature.imported_daily (series_id, ts DESC, id DESC)
INCLUDE (value);
CREATE INDEX imported_daily_by_id ON fature.imported_daily USING brin (id);
COMMENT ON TABLE fature.imported_daily IS 'Imported samples of frequency daily.';

CREATE TABLE fature.imported_monthly (
    ts timestamptz NOT NULL,
    id bigint NOT NULL,
    series_id integer NOT NULL,
    value double precision NOT NULL,
    metadata jsonb,
    batch_id integer NOT NULL
);
CREATE INDEX imported_monthly_by_series ON fature.imported_monthly (series_id, ts DESC, id DESC)
INCLUDE (value);
CREATE INDEX imported_monthly_by_id ON fature.imported_monthly USING brin (id);
COMMENT ON TABLE fature.imported_monthly IS 'Imported samples of frequency monthly.';

DO $$
DECLARE
    -- The sum of value::numeric, of each value the 15 digits that a double surely has. Casting is
    -- slow, so what has four decimals at most, as money has, is added up in ten-thousandths.
    exact_sum CONSTANT text := '
        trim_scale(
            coalesce(
                sum((value * 10000)::bigint) FILTER (
                    WHERE abs(value) < 1e11 AND round(value * 10000) / 10000 = value
                ),
                0
            ) * 0.0001
            + coalesce(
                sum(value::numeric) FILTER (
                    WHERE abs(value) >= 1e11 OR round(value * 10000) / 10000 <> value
                ),
                0
            )
        )';
    rollup record;
BEGIN
    FOR rollup IN
        SELECT
            f.frequency,
            l.level,
            CASE WHEN l.level IN ('minute', 'hour') THEN 'UTC' ELSE :'timezone' END AS timezone
        FROM (
            VALUES ('real_time', 1), ('hourly', 2), ('daily', 3), ('monthly', 5)
        ) AS f (frequency, finest)
        INNER JOIN (
            VALUES ('minute', 1), ('hour', 2), ('day', 3), ('week', 4), ('month', 5)
        ) AS l (level, place)
            ON f.finest <= l.place
    LOOP
        EXECUTE format(
            'CREATE OR REPLACE VIEW fature.rollup_%1$s_%2$s AS '
            'SELECT '
            'date_trunc(%2$L, ts, %3$L) AS bucket, '
            'series_id, '
            '%4$s AS sum_value, '
            'count(*) AS sample_count, '
            'min(value) AS min_value, '
            'max(value) AS max_value, '
            '(array_agg(value ORDER BY ts, id))[1] AS first_value, '
            '(array_agg(value ORDER BY ts DESC, id DESC))[1] AS last_value '
            'FROM ('
            'SELECT ts, id, series_id, value FROM fature.sample_%1$s '
            'UNION ALL '
            'SELECT ts, id, series_id, value FROM fature.imported_%1$s'
            ') AS samples '
            'GROUP BY 1, 2',
            rollup.frequency, rollup.level, rollup.timezone, exact_sum
        );
        EXECUTE format(
            'COMMENT ON VIEW fature.rollup_%1$s_%2$s IS %3$L',
            rollup.frequency, rollup.level,
            format('Samples of frequency %s per %s.', rollup.frequency, rollup.level)
        );
    END LOOP;
END
$$;
