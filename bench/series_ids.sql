-- Every series there is.
SELECT series_id
FROM fature.series;
