DROP TABLE fature.annotation;
