-- The day that weeks begin on; rollups of weeks are Monday's whatever it is.

ALTER TABLE fature.installation
ADD COLUMN week_start text NOT NULL DEFAULT 'monday'
CHECK (week_start IN ('monday', 'sunday', 'saturday'));
COMMENT ON COLUMN fature.installation.week_start IS
'The day that weeks of views begin on: FATURE_WEEK_START as of the last migration.';
