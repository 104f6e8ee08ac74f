-- Annotations: what happened, such as deployments and campaigns, drawn on charts.

CREATE TABLE fature.annotation (
    annotation_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL REFERENCES fature.tenant ON DELETE CASCADE,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL CHECK (until >= since),
    text text NOT NULL,
    tags text[] NOT NULL DEFAULT '{}',
    metric_name text,
    service_name text,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX annotation_by_time ON fature.annotation (tenant, since DESC, annotation_id DESC);
COMMENT ON TABLE fature.annotation IS 'What happened, to be seen beside figures.';
COMMENT ON COLUMN fature.annotation.until IS 'Its end, in it; the same as since for an instant.';
COMMENT ON COLUMN fature.annotation.metric_name IS 'The only metric that it is about; NULL: all.';
COMMENT ON COLUMN fature.annotation.service_name IS 'The only service that it is about; NULL: all.';
