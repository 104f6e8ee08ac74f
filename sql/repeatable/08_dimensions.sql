-- The dimensions of a metric: of a derived one those that all its metrics have. A view calls functions as
-- whoever reads it, who may not read tables.
CREATE OR REPLACE FUNCTION fature.dimensions_of(
    of_tenant text, own text[], names text[]
) RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF cardinality(names) = 0 THEN
        RETURN own;
    END IF;
    RETURN ARRAY(
        SELECT d.name
        FROM fature.metric AS m
        CROSS JOIN unnest(m.dimensions) AS d (name)
        WHERE m.tenant = of_tenant AND m.metric_name = ANY(names)
        GROUP BY d.name
        HAVING count(*) = cardinality(names)
        ORDER BY d.name
    );
END
$$;
COMMENT ON FUNCTION fature.dimensions_of IS
'The dimensions of a metric, whose own and whose operands are given.';
