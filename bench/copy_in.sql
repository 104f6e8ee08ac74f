-- The same again.
\copy fature.sample_real_time (ts, id, series_id, value, metadata) FROM '{file}' (FORMAT binary)
