-- Nothing is materialised on the plain engine: a correction counts at once.

CREATE OR REPLACE FUNCTION fature.await_refresh(
    frequency text, since timestamptz, until timestamptz
) RETURNS void
LANGUAGE sql
RETURN NULL;
COMMENT ON FUNCTION fature.await_refresh IS
'Notes that rollups of a frequency are to be refreshed from one instant to another, both in it.';

CREATE OR REPLACE PROCEDURE fature.refresh_corrected(
    job_id integer DEFAULT NULL, config jsonb DEFAULT NULL
)
LANGUAGE sql
BEGIN ATOMIC
END;
COMMENT ON PROCEDURE fature.refresh_corrected IS
'Refreshes rollups where samples were corrected.';
