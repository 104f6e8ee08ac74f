DROP TABLE fature.imported_base;
DROP TABLE fature.import_rejection;
DROP TABLE fature.import_extent;
DROP TABLE fature.import_batch;
DROP TABLE fature.import_job;
