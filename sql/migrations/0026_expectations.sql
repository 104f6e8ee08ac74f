-- What was expected of the periods of a selection before each began, and the profile that says what
-- is expected of those to come. Selections come here when they are first asked about, and go when
-- nobody asked for a long time.

CREATE TABLE fature.expectation (
    expectation_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Of all that follows, as the service makes it.
    selection_key text NOT NULL UNIQUE,
    tenant text NOT NULL REFERENCES fature.tenant ON DELETE CASCADE,
    metric_name text NOT NULL,
    aggregation text NOT NULL,
    period text NOT NULL CHECK (period IN ('hour', 'day', 'week', 'month')),
    zone text NOT NULL,
    filters jsonb NOT NULL,
    dimensions jsonb NOT NULL,
    unit text,
    profile jsonb NOT NULL,
    valid_from timestamptz NOT NULL,
    fitted_at timestamptz NOT NULL,
    asked_at timestamptz NOT NULL
);
CREATE INDEX expectation_tenant ON fature.expectation (tenant, metric_name);
COMMENT ON TABLE fature.expectation IS
'What is normal for a selection by hour, day, week or month, as known when it was fitted.';

CREATE TABLE fature.expected (
    expectation_id integer NOT NULL REFERENCES fature.expectation ON DELETE CASCADE,
    bucket timestamptz NOT NULL,
    expected double precision NOT NULL,
    lower double precision NOT NULL,
    upper double precision NOT NULL,
    -- By sensitivity: low, medium, high.
    below double precision[] NOT NULL,
    above double precision[] NOT NULL,
    PRIMARY KEY (expectation_id, bucket)
);
COMMENT ON TABLE fature.expected IS
'What was expected of a period before it began: the value, the band of 90 %, and the values beyond '
'which it is unusual; those of periods to come change until they begin.';
