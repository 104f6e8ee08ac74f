-- What events cost: the difference to what was expected while they lasted.

ALTER TABLE fature.alert_event
ADD COLUMN impact double precision,
ADD COLUMN impact_expected double precision,
ADD COLUMN impact_unit text,
ADD COLUMN impact_since timestamptz,
ADD COLUMN impact_until timestamptz,
ADD COLUMN impact_at timestamptz;
COMMENT ON COLUMN fature.alert_event.impact IS
'Figure less what was expected of it, in total or on average; NULL: nothing was expected.';
COMMENT ON COLUMN fature.alert_event.impact_expected IS
'Figure that was expected from impact_since up to impact_until, in impact_unit.';
COMMENT ON COLUMN fature.alert_event.impact_at IS 'When it was computed, if it was.';
