-- Receipts of SQL actions. A second transaction with the same key waits here for the first one's end (unique index of
-- the primary key), then finds its row and does nothing.
-- name: insert_receipt
INSERT INTO belay.receipt (lane, tenant, key) VALUES ($1::int, $2::text, $3::text)
ON CONFLICT (lane, tenant, key) DO NOTHING RETURNING 1;

-- Primary key; no locks.
-- name: read_receipt
SELECT outcome FROM belay.receipt WHERE lane = $1::int AND tenant = $2::text AND key = $3::text;

-- Primary key; only ever the row that this transaction has inserted. $5: the commit that follows reaches the disk before it is
-- answered, whatever the server, the user or the statement have set; it holds for this transaction alone.
-- name: write_receipt
UPDATE belay.receipt SET outcome = $4::json, at = clock_timestamp()
 WHERE lane = $1::int AND tenant = $2::text AND key = $3::text
RETURNING CASE WHEN $5::bool AND current_setting('synchronous_commit') = 'off'
               THEN set_config('synchronous_commit', 'on', true) END;
