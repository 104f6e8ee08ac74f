-- People who log in, and the refresh tokens that keep them logged in.

CREATE TABLE fature.api_user (
    user_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL DEFAULT 'default' REFERENCES fature.tenant,
    email text NOT NULL,
    name text NOT NULL DEFAULT '',
    role text NOT NULL CHECK (role IN ('admin', 'operator', 'writer', 'reader')),
    -- argon2id in PHC string format.
    password_hash text NOT NULL,
    -- Where it is set, only this service's data are seen and written.
    service_name text,
    active boolean NOT NULL DEFAULT TRUE,
    -- Raised by whatever makes access tokens issued before it wrong.
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    password_changed_at timestamptz NOT NULL DEFAULT now()
);
-- Logging in names no tenant, so that an address belongs to one user of all tenants.
CREATE UNIQUE INDEX api_user_by_email ON fature.api_user (lower(email));
CREATE INDEX api_user_by_tenant ON fature.api_user (tenant, user_id DESC);
COMMENT ON TABLE fature.api_user IS 'People who log in with email and password.';

CREATE TABLE fature.refresh_token (
    refresh_token_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- All tokens that follow from one log-in.
    family uuid NOT NULL,
    user_id integer NOT NULL REFERENCES fature.api_user ON DELETE CASCADE,
    -- HMAC-SHA256 of the token.
    digest bytea NOT NULL UNIQUE,
    -- The network the log-in came from: an IPv4 address or an IPv6 /64.
    network text NOT NULL,
    issued_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX refresh_token_by_user ON fature.refresh_token (user_id);
CREATE INDEX refresh_token_by_family ON fature.refresh_token (family);
COMMENT ON TABLE fature.refresh_token IS
'Each is used once, for the next of its family; used twice, it revokes the family.';
