-- Samples as the service wrote them, in the format in which it writes them.
\copy (
    SELECT ts, id, series_id, value, metadata FROM fature.sample_real_time ORDER BY id LIMIT {rows}
) TO '{file}' (FORMAT binary)
