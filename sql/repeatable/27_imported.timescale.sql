-- Imported history lies where rollups are never refreshed: of what other series have there the
-- samples are gone. So its figures are written into the kept part of the rollups, for the series
-- that were imported alone. Where a bucket had figures before,
-- these are kept aside.

-- To be called before anything changes, of a batch (NULL: of all that is counted). What is not of
-- imported samples is what a bucket has more than these.
CREATE OR REPLACE FUNCTION fature.keep_imported_base(
    frequency text, batch integer, series integer[], since timestamptz, before timestamptz
) RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET enable_nestloop = off
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    uncounted CONSTANT integer[] := ARRAY(
        SELECT b.batch_id
        FROM fature.import_batch AS b
        WHERE b.status <> 'counted' AND b.batch_id IS DISTINCT FROM batch
    );
    rollup record;
    is_there boolean;
BEGIN
    FOR rollup IN
        SELECT
            l.level,
            format('%I.%I', c.materialization_hypertable_schema, c.materialization_hypertable_name)
            AS relation,
            CASE WHEN l.level IN ('minute', 'hour') THEN 'UTC' ELSE i.timezone END AS zone
        FROM unnest(ARRAY['minute', 'hour', 'day', 'month']) AS l (level)
        INNER JOIN timescaledb_information.continuous_aggregates AS c
            ON c.view_name = format('rollup_%s_%s', frequency, l.level)
        CROSS JOIN fature.installation AS i
        WHERE c.view_schema = 'fature' AND (l.level <> 'month' OR frequency = 'monthly')
    LOOP
        -- As a rule history is imported to where nothing was.
        EXECUTE format(
            'SELECT EXISTS (SELECT FROM %s '
            'WHERE series_id = ANY($1) AND bucket >= $2 AND bucket < $3)',
            rollup.relation
        )
        INTO is_there
        USING series, since, before;
        CONTINUE WHEN NOT is_there;
        EXECUTE format(
            'INSERT INTO fature.imported_base (frequency, level, bucket, series_id, sum_value, '
            'sample_count, min_value, max_value, first_value, last_value) '
            'SELECT %1$L, %2$L, bucket, series_id, m.sum_value - o.sum_value, '
            'm.sample_count - o.sample_count, m.min_value, m.max_value, m.first_value, '
            'm.last_value '
            'FROM %3$s AS m INNER JOIN ('
            'SELECT date_trunc(%2$L, ts, %4$L) AS bucket, series_id, '
            'coalesce(sum(value::numeric) FILTER (WHERE batch_id IS DISTINCT FROM $5), 0) '
            'AS sum_value, '
            'count(*) FILTER (WHERE batch_id IS DISTINCT FROM $5) AS sample_count, '
            'coalesce(bool_or(batch_id = $5), $5 IS NULL) AS is_wanted '
            'FROM fature.imported_%5$I WHERE series_id = ANY($1) AND ts >= $2 AND ts < $3 '
            'AND NOT batch_id = ANY($4) GROUP BY 1, 2'
            ') AS o USING (bucket, series_id) '
            'WHERE m.series_id = ANY($1) AND m.bucket >= $2 AND m.bucket < $3 '
            'AND o.is_wanted AND m.sample_count > o.sample_count '
            'ON CONFLICT DO NOTHING',
            frequency, rollup.level, rollup.relation, rollup.zone, frequency
        )
        USING series, since, before, uncounted, batch;
    END LOOP;
END
$$;
COMMENT ON FUNCTION fature.keep_imported_base IS
'Keeps what rollups have beside imported samples, as it is before these change.';

-- Of a batch, or where samples were voided. Corrections and batches are counted one at a time. Both
-- ends are starts of days, for monthly samples of months, or of the finest bucket of what was voided.
CREATE OR REPLACE FUNCTION fature.count_imported(
    frequency text,
    batch integer,
    since timestamptz,
    before timestamptz,
    voided_series integer[] DEFAULT '{}',
    voided_at timestamptz[] DEFAULT '{}'
) RETURNS void
LANGUAGE plpgsql
-- The rollups are their owner's.
SECURITY DEFINER
-- What was just written has no statistics yet.
SET enable_nestloop = off
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- As in rollups of samples (migration 0013).
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
    business_zone CONSTANT text := (SELECT timezone FROM fature.installation);
    imported CONSTANT text := format('fature.imported_%I', frequency);
    -- Batches whose figures are still to come.
    uncounted CONSTANT integer[] := ARRAY(
        SELECT b.batch_id
        FROM fature.import_batch AS b
        WHERE b.status <> 'counted' AND b.batch_id IS DISTINCT FROM batch
    );
    series integer[] := voided_series;
    rollup record;
    zone text;
    below text;
    below_since timestamptz;
    first_bucket timestamptz;
    end_bucket timestamptz;
BEGIN
    PERFORM set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true);
    IF batch IS NOT NULL THEN
        EXECUTE format(
            'SELECT array_agg(DISTINCT series_id) FROM %s '
            'WHERE batch_id = $1 AND ts >= $2 AND ts < $3',
            imported
        )
        INTO series
        USING batch, since, before;
        PERFORM fature.keep_imported_base(frequency, batch, series, since, before);
    END IF;
    FOR rollup IN
        SELECT
            l.level,
            format('%I.%I', c.materialization_hypertable_schema, c.materialization_hypertable_name)
            AS relation,
            now() - max((j.config ->> 'drop_after')::interval) AS kept_since,
            now() - max((j.config ->> 'start_offset')::interval) AS refreshed_since
        FROM unnest(ARRAY['minute', 'hour', 'day', 'week', 'month'])
        WITH ORDINALITY AS l (level, place)
        INNER JOIN timescaledb_information.continuous_aggregates AS c
            ON c.view_name = format('rollup_%s_%s', frequency, l.level)
        LEFT JOIN timescaledb_information.jobs AS j
            ON c.view_name = j.hypertable_name AND j.hypertable_schema = 'fature'
        WHERE c.view_schema = 'fature'
        GROUP BY
            l.level,
            l.place,
            c.materialization_hypertable_schema,
            c.materialization_hypertable_name
        ORDER BY l.place
    LOOP
        zone := CASE WHEN rollup.level IN ('minute', 'hour') THEN 'UTC' ELSE business_zone END;
        first_bucket := greatest(
            fature.bucket_start(since, rollup.level),
            fature.bucket_start(rollup.kept_since, rollup.level, 1)
        );
        end_bucket := fature.bucket_start(
            before - interval '1 microsecond', rollup.level, 1
        );
        IF below IS NOT NULL THEN
            -- What is refreshed follows from the level below.
            end_bucket := least(
                end_bucket,
                fature.bucket_start(rollup.refreshed_since, rollup.level, 1)
            );
        END IF;
        IF first_bucket >= end_bucket THEN
            NULL;
        ELSIF below IS NOT NULL AND first_bucket >= coalesce(below_since, '-infinity') THEN
            EXECUTE format(
                'DELETE FROM %s '
                'WHERE series_id = ANY($1) AND bucket >= $2 AND bucket < $3',
                rollup.relation
            )
            USING series, first_bucket, end_bucket;
            EXECUTE format(
                'INSERT INTO %s (bucket, series_id, sum_value, sample_count, min_value, max_value, '
                'first_value, last_value) '
                'SELECT date_trunc(%L, bucket, %L), series_id, sum(sum_value), sum(sample_count), '
                'min(min_value), max(max_value), (array_agg(first_value ORDER BY bucket))[1], '
                '(array_agg(last_value ORDER BY bucket DESC))[1] '
                'FROM %s WHERE series_id = ANY($1) AND bucket >= $2 AND bucket < $3 GROUP BY 1, 2',
                rollup.relation, rollup.level,
                zone, below
            )
            USING series, first_bucket, end_bucket;
        ELSE
            EXECUTE format(
                'WITH counted AS MATERIALIZED ('
                'SELECT date_trunc(%1$L, ts, %2$L) AS bucket, series_id, %3$s AS sum_value, '
                'count(*) AS sample_count, min(value) AS min_value, max(value) AS max_value, '
                'array_agg(value ORDER BY ts, id) AS all_values '
                'FROM %4$s WHERE series_id = ANY($1) AND ts >= $2 AND ts < $3 '
                'AND NOT batch_id = ANY($4) GROUP BY 1, 2'
                '), base AS MATERIALIZED ('
                'SELECT * FROM fature.imported_base WHERE series_id = ANY($1) AND level = %1$L '
                'AND bucket >= $2 AND bucket < $3'
                '), gone AS ('
                'DELETE FROM %5$s AS m WHERE m.series_id = ANY($1) AND m.bucket >= $2 '
                'AND m.bucket < $3 AND (m.bucket, m.series_id) IN ('
                'SELECT bucket, series_id FROM counted UNION ALL '
                'SELECT bucket, series_id FROM base UNION ALL '
                'SELECT date_trunc(%1$L, v.ts, %2$L), v.series_id FROM unnest($5, $6) '
                'AS v (series_id, ts))'
                ') '
                'INSERT INTO %5$s (bucket, series_id, sum_value, sample_count, min_value, '
                'max_value, first_value, last_value) '
                'SELECT bucket, series_id, coalesce(c.sum_value + b.sum_value, c.sum_value, '
                'b.sum_value), coalesce(c.sample_count, 0) + coalesce(b.sample_count, 0), '
                'least(c.min_value, b.min_value), greatest(c.max_value, b.max_value), '
                -- Of one bucket it is not known any more when within it the others were.
                'coalesce(b.first_value, c.all_values[1]), '
                'coalesce(c.all_values[c.sample_count], b.last_value) '
                'FROM counted AS c FULL JOIN base AS b USING (bucket, series_id)',
                rollup.level,
                zone, exact_sum, imported, rollup.relation
            )
            USING series, first_bucket, end_bucket, uncounted, voided_series, voided_at;
        END IF;
        IF rollup.level <> 'week' THEN
            below := rollup.relation;
            below_since := rollup.kept_since;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION fature.count_imported IS
'Counts imported samples of a frequency from one instant to before another into its rollups.';

-- Weeks and months are computed again from days, which all have to be there.
CREATE OR REPLACE FUNCTION fature.imported_since(frequency text) RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        fature.bucket_start(
            max(now() - (j.config ->> 'drop_after')::interval) + interval '7 days', 'month', 1
        )
    FROM timescaledb_information.jobs AS j
    WHERE
        frequency <> 'monthly'
        AND j.proc_name = 'policy_retention'
        AND j.hypertable_schema = 'fature'
        AND j.hypertable_name = format('rollup_%s_day', frequency)
$$;
COMMENT ON FUNCTION fature.imported_since IS
'Since when imported samples of a frequency can be corrected; NULL: ever.';
