-- Tenants, the API keys of programs, and the log of who changed what.

CREATE TABLE fature.tenant (
    tenant text PRIMARY KEY CHECK (tenant ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    description text NOT NULL DEFAULT '',
    -- The keys of one that is not active are refused; its data stay.
    is_active boolean NOT NULL DEFAULT TRUE,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE fature.tenant IS 'Whose data are kept apart from everybody else''s.';

INSERT INTO fature.tenant (tenant, description)
VALUES ('default', 'The platform itself; its admins manage tenants.');

CREATE TABLE fature.api_key (
    key_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL REFERENCES fature.tenant,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('admin', 'operator', 'writer', 'reader')),
    -- Where it is set, only this service's data are seen and written.
    service_name text,
    -- NULL: every scope of the role.
    scopes text[],
    -- How a presented key is found.
    prefix text NOT NULL UNIQUE,
    -- HMAC-SHA256 of the whole key.
    digest bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    rotated_at timestamptz,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz
);
CREATE INDEX api_key_by_tenant ON fature.api_key (tenant, key_id DESC);
COMMENT ON TABLE fature.api_key IS 'Keys of programs; the key itself is shown once and not kept.';

CREATE TABLE fature.audit_log (
    audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    tenant text NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    target text NOT NULL,
    -- The network address the change came from; NULL where it came from a command.
    address text,
    before jsonb,
    after jsonb,
    request_id text
);
CREATE INDEX audit_log_by_time ON fature.audit_log (tenant, audit_id DESC);
COMMENT ON TABLE fature.audit_log IS 'Who changed what, when and from where; never a secret.';

CREATE FUNCTION fature.refuse_change()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
BEGIN
    RAISE EXCEPTION 'fature.% is append-only', tg_table_name
    USING ERRCODE = 'insufficient_privilege';
END
$$;
COMMENT ON FUNCTION fature.refuse_change IS 'Makes a table append-only as a trigger on it.';

CREATE TRIGGER audit_log_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON fature.audit_log
FOR EACH STATEMENT EXECUTE FUNCTION fature.refuse_change();

-- Whose figures an event shows stays, also when its rule is edited or deleted.
ALTER TABLE fature.alert_event ADD COLUMN service_name text;
UPDATE fature.alert_event AS e
SET service_name = r.service_name
FROM fature.alert_rule AS r
WHERE e.rule_id = r.rule_id;

-- The metrics of the platform, with which every tenant starts: those that one statement
-- installed before there were others.
ALTER TABLE fature.metric ADD COLUMN is_platform boolean NOT NULL DEFAULT FALSE;
UPDATE fature.metric
SET is_platform = TRUE
WHERE
    tenant = 'default'
    AND created_at = (
        SELECT min(m.created_at)
        FROM fature.metric AS m
    );
