DROP TABLE fature.idempotency;
DROP SEQUENCE fature.sample_id;
DROP TABLE fature.series;
DROP FUNCTION fature.series_identity;
DROP TABLE fature.metric;
