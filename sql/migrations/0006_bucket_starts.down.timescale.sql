-- With its triggers.
DROP FUNCTION fature.write_after_bucket_start CASCADE;
