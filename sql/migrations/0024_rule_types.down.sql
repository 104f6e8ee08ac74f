-- Of a kind that is not known any more; their events stay.
DELETE FROM fature.alert_rule
WHERE type <> 'threshold';
ALTER TABLE fature.alert_event DROP COLUMN compared;
ALTER TABLE fature.alert_rule
DROP COLUMN type,
DROP COLUMN compare,
DROP COLUMN change,
DROP COLUMN min_samples,
DROP COLUMN schedule;
