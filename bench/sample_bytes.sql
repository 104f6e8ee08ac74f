-- Chunks of hourly samples in columnstore: their bytes as rows and as columns, indexes
-- included, and how many samples they hold.
SELECT
    sum(s.before_compression_total_bytes)::bigint AS as_rows,
    sum(s.after_compression_total_bytes)::bigint AS as_columns,
    (
        SELECT count(*)
        FROM fature.sample_hourly
        WHERE ts < (
            SELECT max(c.range_end)
            FROM timescaledb_information.chunks AS c
            WHERE c.hypertable_name = 'sample_hourly' AND c.is_compressed
        )
    ) AS samples
FROM chunk_columnstore_stats('fature.sample_hourly') AS s
WHERE s.compression_status = 'Compressed';
