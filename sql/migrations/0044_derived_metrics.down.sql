DELETE FROM fature.metric
WHERE formula IS NOT NULL;

ALTER TABLE fature.metric
DROP COLUMN formula,
DROP COLUMN operands;
