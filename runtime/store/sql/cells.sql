-- Mail from cell to cell, and which cell a database is (cells.h).

-- Messages of another database come in: one transaction over both tables, so that a message is in the mailbox exactly
-- once, whoever brings it and however often. Primary keys; in their order, so that two carriers lock alike. Nothing is
-- taken when the statement arrives too late: by then a message may have been carried by another, consumed and forgotten.
-- name: carry_mail_in
WITH mail AS (
  SELECT m.lane, m.sender, m.number, m.kind, m.body
    FROM unnest($1::int[], $2::int[], $3::bigint[], $4::text[], $5::text[]) AS m (lane, sender, number, kind, body)
   WHERE statement_timestamp() <= belay.instant($6::bigint)
), fresh AS (
  INSERT INTO belay.mail_seen (lane, sender, number)
  SELECT lane, sender, number FROM mail ORDER BY lane, sender, number
  ON CONFLICT DO NOTHING RETURNING lane, sender, number
), put AS (
  INSERT INTO belay.mailbox (lane, sender, number, kind, body)
  SELECT m.lane, m.sender, m.number, m.kind, m.body::json
    FROM mail AS m JOIN fresh AS f ON f.lane = m.lane AND f.sender = m.sender AND f.number = m.number
)
SELECT statement_timestamp() <= belay.instant($6::bigint);

-- They have arrived. Primary key.
-- name: carried_mail_out
DELETE FROM belay.mailbox AS m
 USING unnest($1::int[], $2::int[], $3::bigint[]) AS r (lane, sender, number)
 WHERE m.lane = r.lane AND m.sender = r.sender AND m.number = r.number;

-- Index mail_seen_at.
-- name: forget_carried
DELETE FROM belay.mail_seen
 WHERE at < clock_timestamp() - $3::bigint * interval '1 microsecond' AND lane = ANY ($1::int[]) AND sender = ANY ($2::int[]);

-- One row, or none.
-- name: cell
SELECT number, of, deployment FROM belay.cell;

-- Nothing is kept here, and nobody is about to: no node holds a lane. Reads one row a table.
-- name: cell_is_fresh
SELECT NOT EXISTS (SELECT FROM belay.instance) AND NOT EXISTS (SELECT FROM belay.event)
   AND NOT EXISTS (SELECT FROM belay.start_key) AND NOT EXISTS (SELECT FROM belay.mailbox)
   AND NOT EXISTS (SELECT FROM belay.lane WHERE owner <> '' AND lease_until > clock_timestamp());

-- The first one wins: who comes later reads what it wrote.
-- name: become_cell
INSERT INTO belay.cell (number, of, deployment) VALUES ($1::int, $2::int, $3::uuid) ON CONFLICT DO NOTHING;
