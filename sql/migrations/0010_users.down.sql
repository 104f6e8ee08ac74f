DROP TABLE fature.refresh_token;
DROP TABLE fature.api_user;
