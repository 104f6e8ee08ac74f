-- The refresh policies, the lowest level first.
SELECT job_id
FROM timescaledb_information.jobs
WHERE proc_name = 'policy_refresh_continuous_aggregate'
ORDER BY (config ->> 'mat_hypertable_id')::integer;
