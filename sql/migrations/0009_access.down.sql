ALTER TABLE fature.metric DROP COLUMN is_platform;
ALTER TABLE fature.alert_event DROP COLUMN service_name;
DROP TABLE fature.audit_log;
DROP FUNCTION fature.refuse_change;
DROP TABLE fature.api_key;
DROP TABLE fature.tenant;
