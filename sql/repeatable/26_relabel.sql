-- What relabels change beside the labels of series. They run as the owner: the application itself
-- changes neither voids nor rollups nor the audit log.

-- Moves the samples of a series, what is materialised of them and its voids to another. Rollups are
-- to be refreshed where samples were.
CREATE OR REPLACE FUNCTION fature.merge_series(source integer, target integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation text;
    moved record;
    total bigint := 0;
BEGIN
    PERFORM set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true);
    FOR relation IN
        SELECT c.relname
        FROM pg_class AS c
        WHERE
            c.relnamespace = 'fature'::regnamespace AND c.relkind = 'r'
            AND c.relname ~ '^(sample|imported)_(real_time|hourly|daily|monthly)$'
    LOOP
        EXECUTE format(
            'WITH moved AS ('
            '    UPDATE fature.%I SET series_id = $2 WHERE series_id = $1 RETURNING ts'
            ') '
            'SELECT count(*) AS number, min(ts) AS since, max(ts) AS until FROM moved',
            relation
        ) INTO moved USING source, target;
        total := total + moved.number;
        IF moved.number > 0 AND starts_with(relation, 'sample_') THEN
            PERFORM fature.await_refresh(substr(relation, 8), moved.since, moved.until);
        END IF;
    END LOOP;
    PERFORM fature.merge_rollups(source, target);
    -- What is not imported follows from the rest.
    DELETE FROM fature.imported_base WHERE series_id IN (source, target);
    UPDATE fature.void SET series_id = target WHERE series_id = source;
    RETURN total;
END
$$;
COMMENT ON FUNCTION fature.merge_series IS
'Makes a series part of another, at every level; how many samples were moved.';

-- A JSON text has "label": "value" only where that is a key and its value: within a text, quotes
-- stand behind backslashes.
CREATE OR REPLACE FUNCTION fature.relabelled(
    document jsonb, label text, from_value text, to_value text
) RETURNS jsonb
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
RETURN replace(
    document::text,
    format('%s: %s', to_jsonb(label), to_jsonb(from_value)),
    format('%s: %s', to_jsonb(label), coalesce(to_jsonb(to_value)::text, 'null'))
)::jsonb;
COMMENT ON FUNCTION fature.relabelled IS 'A document with another value wherever it has that label.';

-- In metadata of samples and voids of some series.
CREATE OR REPLACE FUNCTION fature.relabel_metadata(
    series integer[], label text, from_value text, to_value text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation text;
    wanted boolean;
BEGIN
    PERFORM set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true);
    FOR relation IN
        SELECT c.relname
        FROM pg_class AS c
        WHERE
            c.relnamespace = 'fature'::regnamespace AND c.relkind = 'r'
            AND c.relname ~ '^(void|(sample|imported)_(real_time|hourly|daily|monthly))$'
    LOOP
        EXECUTE format(
            'SELECT EXISTS (SELECT FROM fature.%I WHERE series_id = ANY($1) AND metadata ->> $2 = $3)',
            relation
        ) INTO wanted USING series, label, from_value;
        CONTINUE WHEN NOT wanted;
        EXECUTE format(
            'UPDATE fature.%I SET metadata = fature.relabelled(metadata, $2, $3, $4) '
            'WHERE series_id = ANY($1) AND metadata ->> $2 = $3',
            relation
        ) USING series, label, from_value, to_value;
    END LOOP;
END
$$;
COMMENT ON FUNCTION fature.relabel_metadata IS
'Replaces the value of a key in metadata of samples and voids.';

-- In rules, their states, events and silences, notifications, targets, expectations, annotations, names
-- of values, dashboards; where a person is erased in other relabels and the audit log, too. Of two
-- open events of a rule that are about the same group now, one is resolved.
CREATE OR REPLACE FUNCTION fature.relabel_records(
    of_tenant text, of_metric text, label text, from_value text, to_value text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known CONSTANT jsonb := jsonb_build_object(label, from_value);
    filter CONSTANT text := coalesce(to_value, '(none)');
BEGIN
    DELETE FROM fature.alert_state AS s
    USING fature.alert_rule AS r, fature.alert_state AS o
    WHERE
        s.rule_id = r.rule_id AND r.tenant = of_tenant
        AND (of_metric IS NULL OR r.metric_name = of_metric)
        AND s.group_labels @> known
        AND o.rule_id = s.rule_id
        AND o.group_labels = fature.relabelled(s.group_labels, label, from_value, to_value);
    UPDATE fature.alert_state AS s
    SET group_labels = fature.relabelled(s.group_labels, label, from_value, to_value)
    FROM fature.alert_rule AS r
    WHERE
        s.rule_id = r.rule_id AND r.tenant = of_tenant
        AND (of_metric IS NULL OR r.metric_name = of_metric)
        AND s.group_labels @> known;
    UPDATE fature.alert_event AS e
    SET status = 'resolved', resolved_at = now()
    WHERE
        e.tenant = of_tenant AND e.status <> 'resolved' AND e.group_labels @> known
        AND (of_metric IS NULL OR e.metric_name = of_metric)
        AND EXISTS (
            SELECT
            FROM fature.alert_event AS o
            WHERE
                o.rule_id = e.rule_id AND o.status <> 'resolved'
                AND o.group_labels
                = fature.relabelled(e.group_labels, label, from_value, to_value)
        );
    UPDATE fature.alert_notification AS n
    SET message = fature.relabelled(n.message, label, from_value, to_value)
    FROM fature.alert_event AS e
    WHERE
        n.event_id = e.event_id AND e.tenant = of_tenant AND e.group_labels @> known
        AND (of_metric IS NULL OR e.metric_name = of_metric);
    UPDATE fature.alert_event AS e
    SET group_labels = fature.relabelled(e.group_labels, label, from_value, to_value)
    WHERE
        e.tenant = of_tenant AND e.group_labels @> known
        AND (of_metric IS NULL OR e.metric_name = of_metric);
    UPDATE fature.alert_event AS e
    SET rule = fature.relabelled(e.rule, label, from_value, filter)
    WHERE
        e.tenant = of_tenant AND (of_metric IS NULL OR e.metric_name = of_metric)
        AND strpos(e.rule::text, to_jsonb(from_value)::text) > 0;
    UPDATE fature.alert_rule AS r
    SET
        service_name = CASE WHEN label = 'service_name' THEN filter ELSE r.service_name END,
        affiliate_id = CASE WHEN label = 'affiliate_id' THEN filter ELSE r.affiliate_id END,
        region = CASE WHEN label = 'region' THEN filter ELSE r.region END,
        filters = fature.relabelled(r.filters, label, from_value, filter)
    WHERE
        r.tenant = of_tenant AND (of_metric IS NULL OR r.metric_name = of_metric)
        AND from_value = CASE label
            WHEN 'service_name' THEN r.service_name
            WHEN 'affiliate_id' THEN r.affiliate_id
            WHEN 'region' THEN r.region
            ELSE r.filters ->> label
        END;
    -- What is expected is computed anew when it is asked for.
    DELETE FROM fature.expectation AS x
    WHERE
        x.tenant = of_tenant AND (of_metric IS NULL OR x.metric_name = of_metric)
        AND (x.filters @> known OR x.dimensions @> known);
    UPDATE fature.target AS g
    SET
        service_name = CASE WHEN label = 'service_name' THEN filter ELSE g.service_name END,
        affiliate_id = CASE WHEN label = 'affiliate_id' THEN filter ELSE g.affiliate_id END,
        region = CASE WHEN label = 'region' THEN filter ELSE g.region END,
        filters = fature.relabelled(g.filters, label, from_value, filter)
    WHERE
        g.tenant = of_tenant AND (of_metric IS NULL OR g.metric_name = of_metric)
        AND from_value = CASE label
            WHEN 'service_name' THEN g.service_name
            WHEN 'affiliate_id' THEN g.affiliate_id
            WHEN 'region' THEN g.region
            ELSE g.filters ->> label
        END;
    UPDATE fature.alert_silence AS z
    SET group_labels = fature.relabelled(z.group_labels, label, from_value, filter)
    WHERE
        z.tenant = of_tenant AND (of_metric IS NULL OR z.metric_name = of_metric)
        AND z.group_labels @> known;
    IF label = 'service_name' AND to_value IS NOT NULL THEN
        UPDATE fature.alert_silence AS z
        SET service_name = to_value
        WHERE
            z.tenant = of_tenant AND (of_metric IS NULL OR z.metric_name = of_metric)
            AND z.service_name = from_value;
        UPDATE fature.annotation AS n
        SET service_name = to_value
        WHERE
            n.tenant = of_tenant AND (of_metric IS NULL OR n.metric_name = of_metric)
            AND n.service_name = from_value;
    END IF;
    IF of_metric IS NULL THEN
        -- The name of a person says more than a pseudonym is to.
        UPDATE fature.label_name AS n
        SET value = to_value
        WHERE
            n.tenant = of_tenant AND n.label = relabel_records.label AND n.value = from_value
            AND to_value IS NOT NULL AND relabel_records.label <> 'affiliate_id'
            AND NOT EXISTS (
                SELECT
                FROM fature.label_name AS o
                WHERE o.tenant = n.tenant AND o.label = n.label AND o.value = to_value
            );
        DELETE FROM fature.label_name AS n
        WHERE
            n.tenant = of_tenant AND n.label = relabel_records.label AND n.value = from_value;
        UPDATE fature.dashboard AS d
        SET config = fature.relabelled(d.config, label, from_value, filter)
        WHERE d.tenant = of_tenant AND strpos(d.config::text, to_jsonb(from_value)::text) > 0;
    END IF;
    IF label = 'affiliate_id' AND of_metric IS NULL THEN
        UPDATE fature.relabel AS e
        SET to_value = relabel_records.to_value
        WHERE e.tenant = of_tenant AND e.label = 'affiliate_id' AND e.to_value = from_value;
        PERFORM set_config('fature.erasing', 'yes', true);
        UPDATE fature.audit_log AS a
        SET
            before = fature.relabelled(a.before, label, from_value, to_value),
            after = fature.relabelled(a.after, label, from_value, to_value)
        WHERE
            a.tenant = of_tenant
            AND (
                strpos(a.before::text, to_jsonb(from_value)::text) > 0
                OR strpos(a.after::text, to_jsonb(from_value)::text) > 0
            );
        UPDATE fature.audit_log AS a
        SET target = 'label:affiliate_id:(erased)', before = NULL, after = NULL
        WHERE a.tenant = of_tenant AND a.target = 'label:affiliate_id:' || from_value;
        PERFORM set_config('fature.erasing', '', true);
    END IF;
END
$$;
COMMENT ON FUNCTION fature.relabel_records IS
'Replaces the value of a label in what is kept beside figures.';
