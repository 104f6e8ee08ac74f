-- Nothing is materialised on the plain engine: every rollup is computed live.

CREATE OR REPLACE VIEW fature.rollup_watermark AS
SELECT
    NULL::text AS relation,
    NULL::timestamptz AS watermark
WHERE FALSE;
COMMENT ON VIEW fature.rollup_watermark IS
'Up to where each rollup is materialised; what is newer is computed live.';
