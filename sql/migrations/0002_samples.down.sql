DROP TABLE fature.service_health;
DROP TABLE fature.sample_monthly;
DROP TABLE fature.sample_daily;
DROP TABLE fature.sample_hourly;
DROP TABLE fature.sample_real_time;
