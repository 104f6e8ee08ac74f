-- The installations that this one, as a hub, answers over. How each is reached is said by its foreign
-- server and user mapping alone.

CREATE TABLE fature.member (
    member_name text PRIMARY KEY CHECK (member_name ~ '^[a-z][a-z0-9_]{0,39}$'),
    engine text NOT NULL CHECK (engine IN ('timescale', 'plain')),
    timezone text NOT NULL,
    version text NOT NULL,
    timeout_seconds double precision NOT NULL CHECK (timeout_seconds > 0),
    installation_id text NOT NULL UNIQUE,
    federated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE fature.member IS
'Installations that this one answers over, each behind the foreign server member_<name>.';
COMMENT ON COLUMN fature.member.timezone IS 'Its business time zone, which its days begin in.';
COMMENT ON COLUMN fature.member.version IS 'Its newest migration when it was federated.';
COMMENT ON COLUMN fature.member.timeout_seconds IS
'How long its answer is waited for; without one it is named as missing.';
COMMENT ON COLUMN fature.member.installation_id IS
'Cluster and database that it is in, so that none counts twice.';
