ALTER TABLE fature.installation
DROP COLUMN week_start;
