ALTER TABLE fature.metric DROP COLUMN units;
COMMENT ON COLUMN fature.metric.unit IS NULL;
