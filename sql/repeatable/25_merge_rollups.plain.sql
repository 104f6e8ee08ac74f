-- On the plain engine every figure is computed from samples.

CREATE OR REPLACE FUNCTION fature.merge_rollups(source integer, target integer) RETURNS void
LANGUAGE sql
RETURN NULL;
COMMENT ON FUNCTION fature.merge_rollups IS
'Adds what is materialised of a series to another.';
