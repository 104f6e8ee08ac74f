-- The zoned rollups again, with the edges of the time zone :'timezone'. Run by `make timezone`, before
-- fature.installation says so.

DO $$
DECLARE
    former_zone CONSTANT text := (SELECT timezone FROM fature.installation);
    rollup record;
BEGIN
    FOR rollup IN
        SELECT
            viewname,
            definition
        FROM pg_views
        WHERE schemaname = 'fature' AND viewname ~ '^rollup_.*_(day|week|month)$'
    LOOP
        EXECUTE format(
            'CREATE OR REPLACE VIEW fature.%I AS %s',
            rollup.viewname,
            replace(
                rollup.definition,
                quote_literal(former_zone) || '::text',
                quote_literal(:'timezone') || '::text'
            )
        );
    END LOOP;
END
$$;
