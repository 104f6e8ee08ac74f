-- A rollup is only computed again as far back as all of its samples are still there. When
-- samples come to be kept longer than before, that is not yet as far as they are kept.

CREATE TABLE fature.samples_dropped (
    frequency text PRIMARY KEY
    CHECK (frequency IN ('real_time', 'hourly', 'daily', 'monthly')),
    before timestamptz NOT NULL
);
COMMENT ON TABLE fature.samples_dropped IS
'Where samples were kept shorter once: those from before this instant may be gone.';
