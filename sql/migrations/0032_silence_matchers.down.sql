-- Without what they match or when, they would mute too much.
DELETE FROM fature.alert_silence
WHERE group_labels <> '{}' OR schedule IS NOT NULL OR ends_at IS NULL;
ALTER TABLE fature.alert_silence
DROP COLUMN group_labels,
DROP COLUMN schedule,
ALTER COLUMN ends_at SET NOT NULL;
