DROP TABLE fature.label_name;
