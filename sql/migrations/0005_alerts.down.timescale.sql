-- The job first: TimescaleDB refuses to drop a procedure that one depends on.
SELECT delete_job(job_id)
FROM timescaledb_information.jobs
WHERE proc_schema = 'fature' AND proc_name = 'delete_resolved_alert_events';
DROP PROCEDURE IF EXISTS fature.delete_resolved_alert_events;
DROP TABLE fature.alert_delivery;
DROP TABLE fature.alert_notification;
DROP TABLE fature.alert_silence;
DROP TABLE fature.alert_transition;
DROP TABLE fature.alert_event;
DROP TABLE fature.alert_state;
DROP TABLE fature.alert_rule;
