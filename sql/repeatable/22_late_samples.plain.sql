-- Nothing is materialised on the plain engine: every sample counts at once.

CREATE OR REPLACE VIEW fature.rollup_pending AS
SELECT
    NULL::text AS relation,
    NULL::timestamptz AS since,
    NULL::timestamptz AS until
WHERE FALSE;
COMMENT ON VIEW fature.rollup_pending IS
'Where each rollup lacks samples that came late, until its next refresh.';
