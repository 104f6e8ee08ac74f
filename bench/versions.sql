-- Of PostgreSQL and TimescaleDB; the latter is NULL where it is not used.
SELECT
    current_setting('server_version'),
    (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb');
