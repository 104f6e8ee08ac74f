-- Restatements: alert events that are decided again where the figures they were decided by changed.

ALTER TABLE fature.alert_event
ADD COLUMN rule jsonb,
ADD COLUMN review_due boolean NOT NULL DEFAULT FALSE,
ADD COLUMN restated_at timestamptz,
ADD COLUMN restated_value double precision,
ADD COLUMN retracted boolean NOT NULL DEFAULT FALSE;
COMMENT ON COLUMN fature.alert_event.rule IS
'The rule as it was when the event opened, without whom it notifies; NULL: not known.';
COMMENT ON COLUMN fature.alert_event.review_due IS
'Figures that it was decided by may have changed since.';
COMMENT ON COLUMN fature.alert_event.restated_at IS
'When figures that it was decided by were last found to have changed.';
COMMENT ON COLUMN fature.alert_event.restated_value IS
'value by the corrected figures; NULL where there is none.';
COMMENT ON COLUMN fature.alert_event.retracted IS
'By the corrected figures it would not have opened.';
CREATE INDEX alert_event_by_window ON fature.alert_event (tenant, metric_name, window_end);
CREATE INDEX alert_event_review ON fature.alert_event (event_id) WHERE review_due;

-- Written in the transaction of a change, deleted once the events it touches are noted.
CREATE TABLE fature.figure_change (
    change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL,
    metric_name text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL CHECK (until >= since),
    changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE fature.figure_change IS
'Where figures changed that alert events may have been decided by; both ends are in it.';
