-- Relabels: which value of a label is another from now on, also of what comes later. Of a person
-- (affiliate_id) the value itself is kept nowhere: a digest recognises it.

CREATE TABLE fature.relabel_salt (
    salt uuid NOT NULL DEFAULT gen_random_uuid()
);
CREATE UNIQUE INDEX relabel_salt_once ON fature.relabel_salt ((TRUE));
INSERT INTO fature.relabel_salt DEFAULT VALUES;
COMMENT ON TABLE fature.relabel_salt IS 'What digests of erased values are made with.';

CREATE TABLE fature.relabel (
    relabel_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL REFERENCES fature.tenant ON DELETE CASCADE,
    service_name text,
    metric_name text,
    label text NOT NULL,
    digest bytea NOT NULL,
    to_value text,
    actor text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- By a later one that says otherwise.
    ended_at timestamptz
);
CREATE INDEX relabel_active ON fature.relabel (tenant, label, digest) WHERE ended_at IS NULL;
COMMENT ON TABLE fature.relabel IS
'Values of labels that are stored as others; why is in the audit log.';
COMMENT ON COLUMN fature.relabel.service_name IS 'Only samples of this service; NULL: of all.';
COMMENT ON COLUMN fature.relabel.metric_name IS 'Only samples of this metric; NULL: of all.';
COMMENT ON COLUMN fature.relabel.digest IS 'Salted SHA-256 of the value that is not to be stored.';
COMMENT ON COLUMN fature.relabel.to_value IS 'What is stored instead; NULL: no such label.';

CREATE TABLE fature.merged_series (
    series_id integer PRIMARY KEY,
    into_id integer NOT NULL,
    merged_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX merged_series_by_time ON fature.merged_series (merged_at);
COMMENT ON TABLE fature.merged_series IS
'Series that became part of others: samples that were on their way to them are moved later.';

-- Whoever does not know of a relabel yet learns of it before a series with the old value is made.
CREATE FUNCTION fature.refuse_relabelled()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
BEGIN
    IF EXISTS (
        SELECT
        FROM fature.relabel AS r
        CROSS JOIN fature.relabel_salt AS s
        CROSS JOIN LATERAL (
            SELECT
                CASE r.label
                    WHEN 'service_name' THEN new.service_name
                    WHEN 'affiliate_id' THEN new.affiliate_id
                    WHEN 'region' THEN new.region
                    ELSE new.dimensions ->> r.label
                END AS value
        ) AS l
        WHERE
            r.tenant = new.tenant
            AND r.ended_at IS NULL
            AND (r.metric_name IS NULL OR r.metric_name = new.metric_name)
            AND (r.service_name IS NULL OR r.service_name = new.service_name)
            AND r.digest = sha256(uuid_send(s.salt) || convert_to(l.value, 'UTF8'))
    ) THEN
        RAISE EXCEPTION 'a label of this series was relabelled'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'series_relabelled';
    END IF;
    RETURN new;
END
$$;
COMMENT ON FUNCTION fature.refuse_relabelled IS
'Refuses new series with values that are stored as others, as a trigger.';

CREATE TRIGGER series_relabelled
BEFORE INSERT ON fature.series
FOR EACH ROW EXECUTE FUNCTION fature.refuse_relabelled();

-- An erasure goes through the audit log, too; none but the owner may change it otherwise.
CREATE OR REPLACE FUNCTION fature.refuse_change()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
BEGIN
    IF tg_op = 'UPDATE' AND current_setting('fature.erasing', true) = 'yes' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'fature.% is append-only', tg_table_name
    USING ERRCODE = 'insufficient_privilege';
END
$$;
