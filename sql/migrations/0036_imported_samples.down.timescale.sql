DROP FUNCTION IF EXISTS fature.count_imported;
DROP FUNCTION IF EXISTS fature.keep_imported_base;
DROP FUNCTION IF EXISTS fature.imported_since;
DROP PROCEDURE IF EXISTS fature.begin_rollups;
DROP TABLE fature.imported_monthly;
DROP TABLE fature.imported_daily;
DROP TABLE fature.imported_hourly;
DROP TABLE fature.imported_real_time;
