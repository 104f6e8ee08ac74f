DO $$
DECLARE
    server text;
BEGIN
    FOR server IN SELECT 'member_' || member_name FROM fature.member
    LOOP
        EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', server);
        EXECUTE format('DROP SERVER IF EXISTS %I CASCADE', server);
    END LOOP;
END
$$;
DROP TABLE fature.member;
