DROP TABLE fature.dashboard_share;
DROP TABLE fature.dashboard;
