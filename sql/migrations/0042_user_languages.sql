-- The language that people chose, in which they are notified, too.

ALTER TABLE fature.api_user ADD COLUMN language text;
COMMENT ON COLUMN fature.api_user.language IS
'As they chose it on a page; NULL: notifications are in the installation''s.';
