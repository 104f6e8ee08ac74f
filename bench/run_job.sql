-- Now and here, as the scheduler would.
CALL run_job(%(job_id)s);
