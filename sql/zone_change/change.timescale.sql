-- The zoned rollups again, with the edges of the time zone :'timezone'. Run by `make timezone`, before
-- fature.installation says so.
--
-- They are made anew beside the former ones, filled up to where those were materialised, and take
-- their names. What samples or finer rollups are left of is computed from them. Older buckets keep
-- their figures and their dates: of the 7th in the former zone becomes of the 7th in the new one,
-- and what lies between both edges is counted once.

CREATE TEMPORARY TABLE IF NOT EXISTS refresh_window (
    place integer GENERATED ALWAYS AS IDENTITY,
    relation text NOT NULL,
    start timestamptz NOT NULL,
    stop timestamptz NOT NULL
);
TRUNCATE refresh_window;

DO $$
DECLARE
    former_zone CONSTANT text := (SELECT timezone FROM fature.installation);
    zone CONSTANT text := :'timezone';
    rollup record;
    target text;
    source text;
    source_zone text;
    computed text;
    materialised_until timestamptz;
    oldest timestamptz;
    available timestamp;
    carried_until timestamp;
    is_dropped boolean;
    newest timestamptz;
BEGIN
    FOR rollup IN
        SELECT view_name
        FROM timescaledb_information.continuous_aggregates
        WHERE view_schema = 'fature' AND view_name ~ '^rollup_.*_(day|week|month)$'
    LOOP
        EXECUTE format(
            'ALTER MATERIALIZED VIEW fature.%I RENAME TO %I',
            rollup.view_name, replace(rollup.view_name, 'rollup_', 'former_')
        );
    END LOOP;

    FOR rollup IN
        SELECT
            c.view_name AS former,
            replace(c.view_name, 'former_', 'rollup_') AS name,
            c.view_definition AS definition,
            c.compression_enabled AS has_columnstore,
            format('%I.%I', c.materialization_hypertable_schema, c.materialization_hypertable_name)
            AS materialised,
            substring(c.view_name FROM '^former_(.*)_[a-z]+$') AS frequency,
            substring(c.view_name FROM '[a-z]+$') AS level,
            obj_description(format('fature.%I', c.view_name)::regclass, 'pg_class') AS description,
            d.time_interval AS chunk
        FROM timescaledb_information.continuous_aggregates AS c
        INNER JOIN timescaledb_information.dimensions AS d
            ON
                c.materialization_hypertable_schema = d.hypertable_schema
                AND c.materialization_hypertable_name = d.hypertable_name
        WHERE c.view_schema = 'fature' AND starts_with(c.view_name, 'former_')
        -- Days first, which weeks and months are made of.
        ORDER BY frequency, substring(c.view_name FROM '[a-z]+$') <> 'day', former
    LOOP
        EXECUTE format(
            'CREATE MATERIALIZED VIEW fature.%I '
            'WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS %s '
            'WITH NO DATA',
            rollup.name,
            rtrim(
                replace(
                    replace(
                        rollup.definition,
                        quote_literal(former_zone) || '::text',
                        quote_literal(zone) || '::text'
                    ),
                    'former_', 'rollup_'
                ),
                '; '
            )
        );
        EXECUTE format('COMMENT ON VIEW fature.%I IS %L', rollup.name, rollup.description);
        PERFORM set_chunk_time_interval(format('fature.%I', rollup.name)::regclass, rollup.chunk);
        IF rollup.has_columnstore THEN
            EXECUTE format(
                'ALTER MATERIALIZED VIEW fature.%I SET (timescaledb.enable_columnstore, '
                'timescaledb.segmentby = ''series_id'', timescaledb.orderby = ''bucket'')',
                rollup.name
            );
        END IF;

        SELECT
            format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)
        INTO target
        FROM timescaledb_information.continuous_aggregates
        WHERE view_schema = 'fature' AND view_name = rollup.name;

        -- Nothing beyond where all rollups of the frequency were materialised: it is live.
        SELECT min(_timescaledb_functions.to_timestamp(
            _timescaledb_functions.cagg_watermark(mat_hypertable_id)
        ))
        INTO materialised_until
        FROM _timescaledb_catalog.continuous_agg
        WHERE
            user_view_schema = 'fature'
            AND user_view_name ~ format('^(former|rollup)_%s_(hour|day|week|month)$', rollup.frequency)
            AND NOT (
                starts_with(user_view_name, 'rollup_') AND user_view_name ~ '_(day|week|month)$'
            );
        CONTINUE WHEN materialised_until IS NULL
            OR materialised_until <= '1970-01-01 00:00:00+00'::timestamptz;
        materialised_until := time_bucket(
            ('1 ' || rollup.level)::interval, materialised_until, zone
        );

        IF rollup.definition ~ 'FROM fature.sample_' THEN
            source_zone := former_zone;
            source := format('fature.sample_%s', rollup.frequency);
            computed := '
                trim_scale(sum(value::numeric)) AS sum_value,
                count(*) AS sample_count,
                min(value) AS min_value,
                max(value) AS max_value,
                first(value, timestamptz_send(ts) || int8send(id)) AS first_value,
                last(value, timestamptz_send(ts) || int8send(id)) AS last_value';
        ELSE
            computed := '
                sum(sum_value) AS sum_value,
                sum(sample_count)::bigint AS sample_count,
                min(min_value) AS min_value,
                max(max_value) AS max_value,
                first(first_value, ts) AS first_value,
                last(last_value, ts) AS last_value';
            IF rollup.level = 'day' THEN
                source_zone := former_zone;
                source := format(
                    '(SELECT bucket AS ts, * FROM fature.rollup_%s_hour)', rollup.frequency
                );
            ELSE
                -- The days that were just made; the view does not show them yet.
                source_zone := zone;
                SELECT
                    format(
                        '(SELECT bucket AS ts, * FROM %I.%I)',
                        materialization_hypertable_schema, materialization_hypertable_name
                    )
                INTO source
                FROM timescaledb_information.continuous_aggregates
                WHERE
                    view_schema = 'fature'
                    AND view_name = format('rollup_%s_day', rollup.frequency);
            END IF;
        END IF;

        EXECUTE format('SELECT min(ts) FROM %s AS s', source)
        INTO oldest;
        available := oldest AT TIME ZONE source_zone;
        -- By the former edges, which the former buckets have: the oldest sample can be in the last
        -- hours of one of them and in the first of a new one.
        EXECUTE format(
            'SELECT EXISTS (SELECT 1 FROM fature.%I WHERE $2 IS NULL OR '
            'bucket AT TIME ZONE %L < date_trunc($1, $2))',
            rollup.former, former_zone
        )
        INTO is_dropped
        USING rollup.level, oldest AT TIME ZONE former_zone;
        carried_until := CASE
            WHEN NOT is_dropped THEN '-infinity'
            WHEN available IS NULL THEN 'infinity'
            WHEN date_trunc(rollup.level, available) = available THEN available
            ELSE date_trunc(rollup.level, available) + ('1 ' || rollup.level)::interval
        END;

        EXECUTE format(
            'INSERT INTO %s (bucket, series_id, sum_value, sample_count, min_value, max_value, '
            'first_value, last_value) '
            'SELECT bucket, series_id, sum(sum_value), sum(sample_count)::bigint, min(min_value), '
            'max(max_value), first(first_value, place), last(last_value, place) '
            'FROM ('
            'SELECT date_trunc(%L, bucket AT TIME ZONE %L) AT TIME ZONE %L AS bucket, '
            'series_id, bucket AS place, sum_value, sample_count, min_value, max_value, '
            'first_value, last_value '
            'FROM fature.%I WHERE bucket AT TIME ZONE %L < $1 '
            'UNION ALL '
            'SELECT time_bucket(%L::interval, ts, %L), series_id, min(ts), %s '
            'FROM %s AS s WHERE ts >= $1 AT TIME ZONE %L GROUP BY 1, 2'
            ') AS rows WHERE bucket < $2 GROUP BY bucket, series_id',
            target, rollup.level, former_zone, zone, rollup.former, former_zone,
            '1 ' || rollup.level, zone, computed, source, source_zone
        )
        USING carried_until, materialised_until;

        -- A refresh tells TimescaleDB up to where a rollup is materialised only if it finds something.
        EXECUTE format('SELECT max(bucket) FROM %s', target) INTO newest;
        CONTINUE WHEN newest IS NULL;
        IF newest AT TIME ZONE zone < carried_until THEN
            RAISE EXCEPTION
                '% has figures of samples that are gone, and none of newer ones', rollup.name
                USING HINT = 'Send one sample of that frequency first.';
        END IF;
        INSERT INTO refresh_window (relation, start, stop)
        VALUES (
            format('fature.%I', rollup.name),
            least(
                newest,
                (
                    (materialised_until AT TIME ZONE zone) - ('2 ' || rollup.level)::interval
                ) AT TIME ZONE zone
            ),
            materialised_until
        );
    END LOOP;

    -- Weeks and months before the days that they are made of.
    FOR rollup IN
        SELECT view_name AS former
        FROM timescaledb_information.continuous_aggregates
        WHERE view_schema = 'fature' AND starts_with(view_name, 'former_')
        ORDER BY view_name ~ '_day$', view_name
    LOOP
        EXECUTE format('DROP MATERIALIZED VIEW fature.%I', rollup.former);
    END LOOP;

    -- As migration 0006 has them, on all that a zoned rollup is computed from.
    FOR rollup IN
        SELECT 'fature.sample_daily' AS relation, 'ts' AS time_column
        UNION ALL
        SELECT 'fature.sample_monthly', 'ts'
        UNION ALL
        SELECT
            format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name),
            'bucket'
        FROM timescaledb_information.continuous_aggregates
        WHERE view_schema = 'fature' AND view_name ~ '_(hour|day)$'
    LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS write_after_bucket_start ON %s', rollup.relation);
        EXECUTE format(
            'CREATE TRIGGER write_after_bucket_start AFTER INSERT OR UPDATE ON %1$s '
            'FOR EACH ROW WHEN ('
            'new.series_id <> 0 AND new.%2$I = date_trunc(''day'', new.%2$I, %3$L)'
            ') EXECUTE FUNCTION fature.write_after_bucket_start(%1$L, %2$L)',
            rollup.relation, rollup.time_column, zone
        );
        EXECUTE format('DROP TRIGGER IF EXISTS delete_at_bucket_start ON %s', rollup.relation);
        EXECUTE format(
            'CREATE TRIGGER delete_at_bucket_start AFTER DELETE ON %1$s '
            'FOR EACH ROW WHEN ('
            'old.series_id <> 0 AND old.%2$I = date_trunc(''day'', old.%2$I, %3$L)'
            ') EXECUTE FUNCTION fature.write_after_bucket_start(%1$L, %2$L)',
            rollup.relation, rollup.time_column, zone
        );
    END LOOP;
END
$$;
