-- As in production.
SELECT _timescaledb_functions.start_background_workers();
