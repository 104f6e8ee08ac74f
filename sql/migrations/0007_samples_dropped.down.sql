DROP TABLE fature.samples_dropped;
