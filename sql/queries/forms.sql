-- name: claim_form
-- A row if that form is new. Kept for 24 hours, as the keys of repeated requests are, whose
-- principals are named otherwise.
INSERT INTO fature.idempotency (
    principal, idempotency_key, body_sha256, first_id, sample_count
)
VALUES ('form', %(key)s, '', 0, 0)
ON CONFLICT DO NOTHING
RETURNING idempotency_key;

-- name: release_form
-- What came to nothing may be sent again.
DELETE FROM fature.idempotency
WHERE principal = 'form' AND idempotency_key = %(key)s;
