-- Silences of groups, and recurring ones, which need no end.

ALTER TABLE fature.alert_silence
ADD COLUMN group_labels jsonb NOT NULL DEFAULT '{}',
ADD COLUMN schedule jsonb,
ALTER COLUMN ends_at DROP NOT NULL;
COMMENT ON COLUMN fature.alert_silence.group_labels IS
'Labels and dimensions that an event must have, of its group or its rule; (none) for no label.';
COMMENT ON COLUMN fature.alert_silence.schedule IS
'Days and hours of the business time zone in which it is in force; NULL: always.';
COMMENT ON COLUMN fature.alert_silence.ends_at IS 'NULL: it has no end.';
