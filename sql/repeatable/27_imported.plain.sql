-- Every figure is computed from samples, imported ones as well: they count at once.

CREATE OR REPLACE FUNCTION fature.count_imported(
    frequency text,
    batch integer,
    since timestamptz,
    before timestamptz,
    voided_series integer[] DEFAULT '{}',
    voided_at timestamptz[] DEFAULT '{}'
) RETURNS void
LANGUAGE sql
RETURN NULL;
COMMENT ON FUNCTION fature.count_imported IS
'Counts imported samples of a frequency from one instant to before another into its rollups.';

CREATE OR REPLACE FUNCTION fature.keep_imported_base(
    frequency text, batch integer, series integer[], since timestamptz, before timestamptz
) RETURNS void
LANGUAGE sql
RETURN NULL;
COMMENT ON FUNCTION fature.keep_imported_base IS
'Keeps what rollups have beside imported samples, as it is before these change.';

CREATE OR REPLACE FUNCTION fature.imported_since(frequency text) RETURNS timestamptz
LANGUAGE sql
RETURN NULL::timestamptz;
COMMENT ON FUNCTION fature.imported_since IS
'Since when imported samples of a frequency can be corrected; NULL: ever.';
