-- The imported samples that came last, in the order in which they came.
\copy (
    SELECT ts, id, series_id, value, metadata, batch_id FROM (
        SELECT * FROM fature.imported_hourly ORDER BY id DESC LIMIT {rows}
    ) AS s ORDER BY id
) TO '{file}' (FORMAT csv)
