DROP FUNCTION IF EXISTS fature.closed_by;
DROP TABLE fature.period_close;
