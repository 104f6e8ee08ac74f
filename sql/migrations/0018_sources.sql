-- Sources: what foreign protocols send series from, and how far each was counted.

CREATE TABLE fature.source (
    source uuid PRIMARY KEY,
    newest bigint,
    value double precision,
    started bigint
-- Every flush updates the row of each of its sources, which stays on its page so.
) WITH (fillfactor = 50);
COMMENT ON TABLE fature.source IS
'Foreign series whose samples carry no key: how far each was counted, updated in the transaction that stores its samples.';
COMMENT ON COLUMN fature.source.source IS
'Digest of the tenant, the foreign name and the labels.';
COMMENT ON COLUMN fature.source.newest IS
'The newest instant that was counted, in microseconds since 2000-01-01 UTC. NULL: none yet.';
COMMENT ON COLUMN fature.source.value IS
'Of a cumulative counter: its value at that instant.';
COMMENT ON COLUMN fature.source.started IS
'Of a cumulative counter that says so: when it began, in the same unit.';
