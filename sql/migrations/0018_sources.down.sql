DROP TABLE fature.source;
