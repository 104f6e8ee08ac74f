DROP TABLE fature.stale_range;
DROP TABLE fature.void;
