DROP TABLE fature.target;
