-- Voids: samples that count nowhere any more. A sample that is voided moves here from the table of
-- its frequency, so that whatever is computed from samples is right without knowing of voids.

CREATE TABLE fature.void (
    sample_id bigint PRIMARY KEY,
    series_id integer NOT NULL REFERENCES fature.series,
    ts timestamptz NOT NULL,
    value double precision NOT NULL,
    metadata jsonb,
    reason text NOT NULL,
    actor text NOT NULL,
    voided_at timestamptz NOT NULL DEFAULT now(),
    replaced_by bigint,
    new_value double precision,
    CHECK ((replaced_by IS NULL) = (new_value IS NULL))
);
CREATE INDEX void_by_time ON fature.void (voided_at DESC, sample_id DESC);
CREATE INDEX void_by_series ON fature.void (series_id, ts);
COMMENT ON TABLE fature.void IS
'Samples that were voided, as they were submitted, with who, when and why; kept for ever.';
COMMENT ON COLUMN fature.void.replaced_by IS 'Id of the sample that stands in its place, if any.';
COMMENT ON COLUMN fature.void.new_value IS 'The value which that sample was given.';

-- Written in the transaction of a correction, deleted once the rollups are refreshed.
CREATE TABLE fature.stale_range (
    stale_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    frequency text NOT NULL CHECK (frequency IN ('real_time', 'hourly', 'daily', 'monthly')),
    since timestamptz NOT NULL,
    until timestamptz NOT NULL CHECK (until >= since)
);
COMMENT ON TABLE fature.stale_range IS
'Where rollups have samples that were corrected since; both ends are in it.';
