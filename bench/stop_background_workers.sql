-- So that nobody else runs a job while the benchmark does.
SELECT _timescaledb_functions.stop_background_workers();
