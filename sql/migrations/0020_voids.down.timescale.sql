-- The job first: TimescaleDB refuses to drop a procedure that one depends on.
SELECT delete_job(job_id)
FROM timescaledb_information.jobs
WHERE proc_schema = 'fature' AND proc_name = 'refresh_corrected';
DROP PROCEDURE IF EXISTS fature.refresh_corrected;
DROP TABLE fature.stale_range;
DROP TABLE fature.void;
