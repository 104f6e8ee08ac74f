-- Mappings: what becomes of names that come by foreign protocols, every version of each tenant's.

CREATE TABLE fature.mapping (
    tenant text NOT NULL REFERENCES fature.tenant ON DELETE CASCADE,
    version integer NOT NULL,
    content text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    PRIMARY KEY (tenant, version)
);
COMMENT ON TABLE fature.mapping IS
'Mappings of foreign names to metrics as YAML; the newest version of a tenant counts.';
