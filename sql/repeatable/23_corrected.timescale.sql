-- Corrections reach into what is materialised. Refresh policies would follow, too, but level after
-- level, each a minute later: here all levels are refreshed at once, and only where it is needed.

CREATE OR REPLACE FUNCTION fature.await_refresh(
    frequency text, since timestamptz, until timestamptz
) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO fature.stale_range (frequency, since, until) VALUES ($1, $2, $3);
$$;
COMMENT ON FUNCTION fature.await_refresh IS
'Notes that rollups of a frequency are to be refreshed from one instant to another, both in it.';

-- A rollup shows what it has only up to where it was refreshed once, which it never is without
-- samples. Where there is but imported history, one of series 0, which does not exist, does it.
CREATE OR REPLACE PROCEDURE fature.begin_rollups(of_frequency text)
LANGUAGE plpgsql
AS $$
DECLARE
    samples CONSTANT text := format('fature.sample_%I', of_frequency);
    finest record;
    rollup record;
    has_imports boolean;
BEGIN
    SELECT
        coalesce(w.watermark, '-infinity') AS watermark,
        now() - (j.config ->> 'start_offset')::interval / 2 AS middle
    INTO finest
    FROM unnest(ARRAY['minute', 'hour', 'day', 'week', 'month']) WITH ORDINALITY AS l (level, place)
    INNER JOIN timescaledb_information.jobs AS j
        ON j.hypertable_name = format('rollup_%s_%s', of_frequency, l.level)
    LEFT JOIN fature.rollup_watermark AS w ON j.hypertable_name = w.relation
    WHERE
        j.proc_name = 'policy_refresh_continuous_aggregate' AND j.hypertable_schema = 'fature'
    ORDER BY l.place
    LIMIT 1;
    EXECUTE format('SELECT EXISTS (SELECT FROM fature.imported_%I)', of_frequency)
    INTO has_imports;
    IF has_imports AND finest.watermark < finest.middle THEN
        EXECUTE format('INSERT INTO %s (ts, id, series_id, value) VALUES ($1, 0, 0, 0)', samples)
        USING finest.middle;
        COMMIT;
        FOR rollup IN
            SELECT
                j.hypertable_name AS relation,
                fature.bucket_start(finest.middle, l.level) AS since,
                fature.bucket_start(finest.middle, l.level, 1) AS before,
                now() - (j.config ->> 'end_offset')::interval AS refreshed_until
            FROM unnest(ARRAY['minute', 'hour', 'day', 'week', 'month'])
            WITH ORDINALITY AS l (level, place)
            INNER JOIN timescaledb_information.jobs AS j
                ON j.hypertable_name = format('rollup_%s_%s', of_frequency, l.level)
            WHERE
                j.proc_name = 'policy_refresh_continuous_aggregate'
                AND j.hypertable_schema = 'fature'
            ORDER BY l.place
        LOOP
            IF rollup.before <= rollup.refreshed_until THEN
                CALL refresh_continuous_aggregate(
                    format('fature.%I', rollup.relation)::regclass, rollup.since, rollup.before,
                    options => '{"buckets_per_batch": 0}'
                );
                COMMIT;
            END IF;
        END LOOP;
        EXECUTE format('DELETE FROM %s WHERE series_id = 0', samples);
        COMMIT;
    END IF;
END
$$;
COMMENT ON PROCEDURE fature.begin_rollups IS
'Lets the rollups of a frequency show imported history where nothing else was ever submitted.';

-- For a job of the owner's, and for the service right after a correction. An error ends it, as
-- where another refresh is under way in the same buckets: what is noted stays for the next try.
CREATE OR REPLACE PROCEDURE fature.refresh_corrected(
    job_id integer DEFAULT NULL, config jsonb DEFAULT NULL
)
LANGUAGE plpgsql
AS $$
DECLARE
    noted record;
    rollup record;
BEGIN
    LOOP
        SELECT
            s.frequency,
            min(s.since) AS since,
            max(s.until) AS until,
            array_agg(s.stale_id) AS numbers
        INTO noted
        FROM fature.stale_range AS s
        GROUP BY s.frequency
        LIMIT 1;
        EXIT WHEN noted.frequency IS NULL;
        CALL fature.begin_rollups(noted.frequency);
        FOR rollup IN
            SELECT
                r.relation,
                -- Never where samples may have been dropped, nor what is still live.
                greatest(
                    fature.bucket_start(noted.since, r.level),
                    fature.bucket_start(now() - r.start_offset, r.level, 1)
                ) AS since,
                least(fature.bucket_start(noted.until, r.level, 1), r.watermark) AS before
            FROM (
                SELECT
                    l.place,
                    l.level,
                    w.relation,
                    w.watermark,
                    (j.config ->> 'start_offset')::interval AS start_offset
                FROM unnest(ARRAY['minute', 'hour', 'day', 'week', 'month'])
                WITH ORDINALITY AS l (level, place)
                INNER JOIN fature.rollup_watermark AS w
                    ON w.relation = format('rollup_%s_%s', noted.frequency, l.level)
                INNER JOIN timescaledb_information.jobs AS j
                    ON w.relation = j.hypertable_name AND j.hypertable_schema = 'fature'
                WHERE j.proc_name = 'policy_refresh_continuous_aggregate'
            ) AS r
            ORDER BY r.place
        LOOP
            IF rollup.since < rollup.before THEN
                CALL refresh_continuous_aggregate(
                    format('fature.%I', rollup.relation)::regclass, rollup.since, rollup.before,
                    options => '{"buckets_per_batch": 0}'
                );
                COMMIT;
            END IF;
        END LOOP;
        DELETE FROM fature.stale_range WHERE stale_id = ANY(noted.numbers);
        COMMIT;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE fature.refresh_corrected IS
'Refreshes rollups where samples were corrected.';
