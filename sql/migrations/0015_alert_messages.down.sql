DROP TABLE fature.alert_channel_hold;
-- Of a kind that is not known any more.
DELETE FROM fature.alert_notification
WHERE event_id IS NULL OR transition_id IS NULL;
DROP INDEX fature.alert_notification_dead;
ALTER TABLE fature.alert_notification
DROP COLUMN rule_id,
DROP COLUMN digest,
ALTER COLUMN event_id SET NOT NULL,
ALTER COLUMN transition_id SET NOT NULL;
ALTER TABLE fature.alert_rule
DROP COLUMN last_error_message,
DROP COLUMN failing_since,
DROP COLUMN failure_notified_at,
DROP COLUMN unit,
DROP COLUMN filters,
DROP COLUMN settle_seconds,
DROP COLUMN retire_seconds,
DROP COLUMN digest_over;
ALTER TABLE fature.alert_delivery DROP COLUMN detail_message;
ALTER TABLE fature.alert_transition DROP COLUMN reason_message;
