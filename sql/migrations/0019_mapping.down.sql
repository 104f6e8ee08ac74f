DROP TABLE fature.mapping;
