-- Of a kind that is not known any more; their events stay.
DELETE FROM fature.alert_rule
WHERE condition IS NULL OR threshold_value IS NULL;
ALTER TABLE fature.alert_rule
DROP COLUMN direction,
DROP COLUMN sensitivity,
DROP COLUMN alerts_per_month,
ALTER COLUMN condition SET NOT NULL,
ALTER COLUMN threshold_value SET NOT NULL;
