-- The policies that turn old chunks into columns.
SELECT job_id
FROM timescaledb_information.jobs
WHERE proc_name = 'policy_compression';
