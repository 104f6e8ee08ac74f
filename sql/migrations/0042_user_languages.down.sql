ALTER TABLE fature.api_user DROP COLUMN language;
