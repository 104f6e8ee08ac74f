-- Analysts who see the figures of some tenants only. The roles themselves belong to the
-- whole cluster and are made by repeatable/90_roles.sql.

CREATE TABLE fature.analyst_tenant (
    role_name name NOT NULL,
    tenant text NOT NULL,
    PRIMARY KEY (role_name, tenant)
);
COMMENT ON TABLE fature.analyst_tenant IS
'Log-in roles that see only these tenants, whatever else they are members of.';
