-- Resolved alert events past their time, for a job of TimescaleDB: the table is no
-- hypertable, so there are no chunks to drop.

CREATE OR REPLACE PROCEDURE fature.delete_resolved_alert_events(job_id integer, config jsonb)
LANGUAGE sql
SET search_path = pg_catalog
AS $$
    DELETE FROM fature.alert_event
    WHERE status = 'resolved' AND resolved_at < now() - (config ->> 'keep')::interval
$$;
COMMENT ON PROCEDURE fature.delete_resolved_alert_events IS
'Run by a job every night; config.keep is how long resolved events stay.';
