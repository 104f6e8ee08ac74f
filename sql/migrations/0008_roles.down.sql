-- The roles stay: they belong to the whole cluster.
DROP TABLE fature.analyst_tenant;
