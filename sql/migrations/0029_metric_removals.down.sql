DROP FUNCTION IF EXISTS fature.delete_series;
DROP FUNCTION IF EXISTS fature.delete_rollups;
DROP TABLE fature.metric_removal;
