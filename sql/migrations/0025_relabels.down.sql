DROP TRIGGER series_relabelled ON fature.series;
DROP FUNCTION fature.refuse_relabelled();
DROP FUNCTION IF EXISTS fature.merge_series;
DROP FUNCTION IF EXISTS fature.merge_rollups;
DROP FUNCTION IF EXISTS fature.relabel_metadata;
DROP FUNCTION IF EXISTS fature.relabel_records;
DROP FUNCTION IF EXISTS fature.relabelled;
DROP TABLE fature.merged_series;
DROP TABLE fature.relabel;
DROP TABLE fature.relabel_salt;

CREATE OR REPLACE FUNCTION fature.refuse_change()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
BEGIN
    RAISE EXCEPTION 'fature.% is append-only', tg_table_name
    USING ERRCODE = 'insufficient_privilege';
END
$$;
