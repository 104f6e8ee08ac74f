DROP TABLE fature.void_job;
