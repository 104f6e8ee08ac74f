-- On the plain engine every figure is computed from samples.

CREATE OR REPLACE FUNCTION fature.delete_rollups(series integer[]) RETURNS void
LANGUAGE sql
RETURN NULL;
COMMENT ON FUNCTION fature.delete_rollups IS 'Deletes what is materialised of some series.';
