-- The same again, where nothing but the table is like it.
\copy fature.imported_hourly (ts, id, series_id, value, metadata, batch_id) FROM '{file}' (FORMAT csv)
