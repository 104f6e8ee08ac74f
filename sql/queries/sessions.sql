-- name: user_versions
-- What access tokens are compared with, and what their users are called; nothing holds for
-- users of a locked tenant.
SELECT
    u.user_id,
    u.version,
    u.name,
    u.email
FROM fature.api_user AS u
INNER JOIN fature.tenant AS t ON u.tenant = t.tenant
WHERE t.is_active;

-- name: login_user
-- Who that email belongs to, and whether they logged in from that network lately.
SELECT
    u.*,
    EXISTS (
        SELECT 1
        FROM fature.refresh_token AS r
        WHERE r.user_id = u.user_id AND r.network = %(network)s
    ) AS is_familiar
FROM fature.api_user AS u
INNER JOIN fature.tenant AS t ON u.tenant = t.tenant
WHERE lower(u.email) = lower(%(email)s) AND t.is_active;

-- name: lock_session_user
-- The user of a refresh token. Whatever changes sessions locks their user first.
SELECT u.*
FROM fature.api_user AS u
INNER JOIN fature.tenant AS t ON u.tenant = t.tenant
WHERE
    t.is_active
    AND u.user_id = (
        SELECT r.user_id
        FROM fature.refresh_token AS r
        WHERE r.digest = %(digest)s
    )
FOR NO KEY UPDATE OF u;

-- name: lock_user_version
-- A user who is active and has not changed since that version was read.
SELECT u.*
FROM fature.api_user AS u
INNER JOIN fature.tenant AS t ON u.tenant = t.tenant
WHERE
    u.user_id = %(user_id)s
    AND u.version = %(version)s
    AND u.active
    AND t.is_active
FOR NO KEY UPDATE OF u;

-- name: active_user
-- A user who may act.
SELECT u.*
FROM fature.api_user AS u
INNER JOIN fature.tenant AS t ON u.tenant = t.tenant
WHERE u.user_id = %(user_id)s AND u.active AND t.is_active;

-- name: refresh_token
-- One refresh token by its digest.
SELECT *
FROM fature.refresh_token
WHERE digest = %(digest)s;

-- name: insert_refresh_token
-- The newest of its family.
INSERT INTO fature.refresh_token (family, user_id, digest, network, issued_at, expires_at)
VALUES (
    %(family)s, %(user_id)s, %(digest)s, %(network)s, %(now)s, %(expires_at)s
);

-- name: use_refresh_token
-- It was given for the next one; when it was first counts.
UPDATE fature.refresh_token
SET used_at = coalesce(used_at, %(now)s)
WHERE refresh_token_id = %(refresh_token_id)s;

-- name: revoke_family
-- Ends one log-in.
UPDATE fature.refresh_token
SET revoked_at = %(now)s
WHERE family = %(family)s AND revoked_at IS NULL;

-- name: revoke_families
-- Ends every log-in of a user but one, if that is given.
UPDATE fature.refresh_token
SET revoked_at = %(now)s
WHERE
    user_id = %(user_id)s
    AND revoked_at IS NULL
    AND (%(except_family)s::uuid IS NULL OR family <> %(except_family)s::uuid);

-- name: delete_expired_refresh_tokens
-- What can no longer be used by a user.
DELETE FROM fature.refresh_token
WHERE user_id = %(user_id)s AND expires_at <= %(now)s;

-- name: set_password
-- A new password; access tokens issued before no longer hold.
UPDATE fature.api_user
SET
    password_hash = %(password_hash)s,
    password_changed_at = %(now)s,
    version = version + 1
WHERE user_id = %(user_id)s
RETURNING *;

-- name: raise_user_version
-- Access tokens issued before no longer hold.
UPDATE fature.api_user
SET version = version + 1
WHERE user_id = %(user_id)s;
