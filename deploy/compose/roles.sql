-- The log-ins of services, made once when the database is: migrations, which come later, find
-- the groups and add what they may do.
\set metrics_password `cat /run/secrets/metrics_password`
\set grafana_password `cat /run/secrets/grafana_password`

CREATE ROLE fature_app;
CREATE ROLE metrics LOGIN PASSWORD :'metrics_password' IN ROLE fature_app;
CREATE ROLE fature_grafana LOGIN PASSWORD :'grafana_password';
