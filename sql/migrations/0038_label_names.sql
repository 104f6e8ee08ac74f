-- Names for the values of labels: what people call an affiliate whose id samples carry.

CREATE TABLE fature.label_name (
    tenant text NOT NULL REFERENCES fature.tenant ON DELETE CASCADE,
    label text NOT NULL,
    value text NOT NULL,
    name text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_by text NOT NULL,
    PRIMARY KEY (tenant, label, value)
);
COMMENT ON TABLE fature.label_name IS
'Names for the values of labels and dimensions: shown to people in their place.';
