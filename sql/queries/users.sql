-- name: list_users
-- The users of a tenant, newest first, and when a log-in of theirs was last renewed: the newest
-- token of each log-in is not used yet.
SELECT
    u.*,
    seen.last_seen_at
FROM fature.api_user AS u
LEFT JOIN (
    SELECT
        r.user_id,
        max(r.issued_at) AS last_seen_at
    FROM fature.refresh_token AS r
    WHERE r.used_at IS NULL
    GROUP BY r.user_id
) AS seen ON u.user_id = seen.user_id
WHERE u.tenant = %(tenant)s
ORDER BY u.user_id DESC;

-- name: find_user
-- One user.
SELECT *
FROM fature.api_user
WHERE tenant = %(tenant)s AND user_id = %(user_id)s;

-- name: user_for_update
-- One user, while it is edited.
SELECT *
FROM fature.api_user
WHERE tenant = %(tenant)s AND user_id = %(user_id)s
FOR UPDATE;

-- name: insert_user
-- A new user.
INSERT INTO fature.api_user (tenant, email, name, role, service_name, password_hash)
VALUES (
    %(tenant)s, %(email)s, %(name)s, %(role)s, %(service_name)s, %(password_hash)s
)
RETURNING *;

-- name: update_user
-- A user as edited; `raised` where access tokens issued before no longer hold.
UPDATE fature.api_user
SET
    email = %(email)s,
    name = %(name)s,
    role = %(role)s,
    service_name = %(service_name)s,
    active = %(active)s,
    version = version + %(raised)s::integer
WHERE user_id = %(user_id)s
RETURNING *;

-- name: delete_user
-- A user and their log-ins.
DELETE FROM fature.api_user
WHERE user_id = %(user_id)s;

-- name: any_user
-- Whether there is a user in any tenant.
SELECT exists(SELECT 1 FROM fature.api_user) AS found;

-- name: lock_first_user
-- One first user, however many are made at once.
SELECT pg_advisory_xact_lock(hashtextextended('fature first user', 0));

-- name: choose_user_language
-- The language that a user wants to be notified in.
UPDATE fature.api_user
SET language = %(language)s
WHERE user_id = %(user_id)s AND language IS DISTINCT FROM %(language)s;
