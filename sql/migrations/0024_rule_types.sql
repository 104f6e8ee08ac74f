-- Rules of the change of a figure, of figures with enough samples, and rules with hours; what the
-- figure of an event was compared with.

ALTER TABLE fature.alert_rule
ADD COLUMN type text NOT NULL DEFAULT 'threshold',
ADD COLUMN compare text,
ADD COLUMN change text,
ADD COLUMN min_samples integer NOT NULL DEFAULT 0,
ADD COLUMN schedule jsonb;
COMMENT ON COLUMN fature.alert_rule.type IS 'What is compared with the threshold.';
COMMENT ON COLUMN fature.alert_rule.compare IS 'The earlier figures that the change is from.';
COMMENT ON COLUMN fature.alert_rule.change IS 'percent or absolute.';
COMMENT ON COLUMN fature.alert_rule.min_samples IS 'A figure of fewer samples is none.';
COMMENT ON COLUMN fature.alert_rule.schedule IS
'Days and hours of the business time zone; nothing opens outside them.';

ALTER TABLE fature.alert_event ADD COLUMN compared jsonb;
COMMENT ON COLUMN fature.alert_event.compared IS
'The figure, what it was compared with and their unit, where value is a change.';
