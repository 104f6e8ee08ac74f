-- Views over this installation and its members, made anew when one comes or goes: where there are none,
-- there are no such views. A member's tenants are those of the same name here.

CREATE OR REPLACE FUNCTION fature.renew_member_views()
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    period text;
    parts text;
    own_zone text := (SELECT i.timezone FROM fature.installation AS i);
    are_there boolean := EXISTS (SELECT FROM fature.member);
BEGIN
    FOREACH period IN ARRAY ARRAY['minute', 'hour', 'day', 'week', 'month']
    LOOP
        IF NOT are_there THEN
            EXECUTE format('DROP VIEW IF EXISTS analytics.%I', 'member_metric_' || period);
            CONTINUE;
        END IF;

        SELECT string_agg(
            format(
                'SELECT %L::text AS member, %L::text AS timezone, r.bucket, s.tenant, '
                's.metric_name, s.metric_type, s.unit, s.frequency, s.service_name, '
                's.affiliate_id, s.region, s.dimensions, s.series_id, r.sum_value, '
                'r.sample_count, r.sum_value / r.sample_count AS avg_value, r.min_value, '
                'r.max_value, r.first_value, r.last_value '
                'FROM %3$I.%4$I AS r INNER JOIN %3$I.series AS s ON r.series_id = s.series_id '
                'WHERE (SELECT sees_every_tenant FROM fature.reader) '
                'OR s.tenant = ANY((SELECT tenants FROM fature.reader)::text [])',
                m.member_name, m.timezone, n.nspname, c.relname
            ),
            ' UNION ALL ' ORDER BY m.member_name, c.relname
        )
        INTO parts
        FROM fature.member AS m
        INNER JOIN pg_namespace AS n ON n.nspname = 'member_' || m.member_name
        INNER JOIN pg_class AS c
            ON n.oid = c.relnamespace AND c.relname ~ ('^rollup_.*_' || period || '$');

        EXECUTE format(
            'CREATE OR REPLACE VIEW analytics.%I WITH (security_barrier) AS '
            'SELECT %L::text AS member, %L::text AS timezone, bucket, tenant, metric_name, '
            'metric_type, unit, frequency, service_name, affiliate_id, region, dimensions, '
            'series_id, sum_value, sample_count, avg_value, min_value, max_value, first_value, '
            'last_value FROM analytics.%I UNION ALL %s',
            'member_metric_' || period, 'hub', own_zone, 'metric_' || period, parts
        );
        PERFORM fature.describe_member_view(period);
    END LOOP;
END
$$;
COMMENT ON FUNCTION fature.renew_member_views IS
'Makes the views of schema analytics over all members that there are now.';

CREATE OR REPLACE FUNCTION fature.describe_member_view(period text)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    view_name text := 'member_metric_' || period;
    described record;
BEGIN
    EXECUTE format(
        'COMMENT ON VIEW analytics.%I IS %L', view_name,
        'analytics.metric_' || period || ' over this installation and all its members. An error '
        'where one of them does not answer: compare it with `make members`.'
    );
    EXECUTE format(
        'COMMENT ON COLUMN analytics.%I.member IS %L', view_name,
        'Member that has the series; hub for the own ones.'
    );
    EXECUTE format(
        'COMMENT ON COLUMN analytics.%I.timezone IS %L', view_name,
        'Business time zone of the member, which its days, weeks and months begin in.'
    );
    FOR described IN
        SELECT
            a.attname,
            col_description(a.attrelid, a.attnum) AS words
        FROM pg_attribute AS a
        WHERE a.attrelid = ('analytics.metric_' || period)::regclass AND a.attnum > 0
    LOOP
        EXECUTE format(
            'COMMENT ON COLUMN analytics.%I.%I IS %L', view_name, described.attname,
            described.words
        );
    END LOOP;
    IF to_regrole('fature_analyst') IS NOT NULL THEN
        EXECUTE format(
            'GRANT SELECT ON analytics.%I '
            'TO fature_app, fature_analyst, fature_grafana, fature_tenant_analyst', view_name
        );
    END IF;
END
$$;
COMMENT ON FUNCTION fature.describe_member_view IS 'Comments and grants of a view over all members.';

SELECT fature.renew_member_views();
