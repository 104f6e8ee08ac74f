ALTER TABLE fature.alert_event
DROP COLUMN impact,
DROP COLUMN impact_expected,
DROP COLUMN impact_unit,
DROP COLUMN impact_since,
DROP COLUMN impact_until,
DROP COLUMN impact_at;
