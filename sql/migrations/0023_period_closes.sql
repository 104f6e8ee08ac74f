-- Closes: until when the figures of a type of metric are final.

CREATE TABLE fature.period_close (
    close_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL REFERENCES fature.tenant ON DELETE CASCADE,
    metric_type text NOT NULL,
    until date NOT NULL,
    before timestamptz NOT NULL,
    closed_by text NOT NULL,
    closed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT period_close_once UNIQUE (tenant, metric_type, until)
);
COMMENT ON TABLE fature.period_close IS
'Closes that are in force: samples before them are neither added nor corrected. Reopening deletes one; the audit log has both.';
COMMENT ON COLUMN fature.period_close.until IS 'The last day that is closed, in the business time zone.';
COMMENT ON COLUMN fature.period_close.before IS 'The end of that day: what is earlier is closed.';
