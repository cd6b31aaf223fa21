-- flush_full and what few workflows have: turns (`one at a time`), open questions, keys of sagas with private values. A
-- statement of its own for the same reason. It repeats flush_full.sql, which must stay the same (a test compares them).
-- name: flush_rare
WITH f AS (
  UPDATE belay.lane
     SET head = head + 1, lease_until = clock_timestamp() + $4::bigint * interval '1 millisecond'
   WHERE lane = ANY ($1::int[])
     AND epoch = ($2::bigint[])[array_position($1::int[], lane)]
     AND head = ($3::bigint[])[array_position($1::int[], lane)]
  RETURNING lane, mark
), i AS (
  INSERT INTO belay.instance AS old (
    lane, iid, tenant, workflow, key, created_at, input, workflow_version, definition, lingering, undoing, status,
    health, seq, state_seq, health_since, due_at, updated_at, ended_at, waiting_on, failure, state)
  SELECT r.lane, r.iid, r.tenant, r.workflow, r.key, belay.instant(r.created_at), r.input, r.workflow_version,
         r.definition, r.ended_at = 0 AND r.iid < f.mark, r.status IN ('compensating', 'compensated'), r.status,
         r.health, r.seq, r.state_seq, belay.instant(r.health_since), belay.instant(r.due_at),
         belay.instant(r.updated_at), belay.instant(r.ended_at), r.waiting_on, r.failure, r.state
    FROM unnest($5::int[], $6::uuid[], $7::text[], $8::text[], $9::text[], $10::bigint[], $11::text[], $12::int[],
                $13::text[], $14::text[], $15::text[], $16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[],
                $20::bigint[], $21::bigint[], $22::text[], $23::text[], $24::text[])
         AS r (lane, iid, tenant, workflow, key, created_at, input, workflow_version, definition, status, health, seq,
               state_seq, health_since, due_at, updated_at, ended_at, waiting_on, failure, state)
    JOIN f ON f.lane = r.lane
  ON CONFLICT (lane, iid) DO UPDATE SET
    workflow_version = excluded.workflow_version, definition = excluded.definition,
    lingering = (old.lingering OR old.ended_at IS NOT NULL) AND excluded.ended_at IS NULL, undoing = excluded.undoing, status = excluded.status,
    health = excluded.health, seq = excluded.seq, health_since = excluded.health_since, due_at = excluded.due_at,
    updated_at = excluded.updated_at, ended_at = excluded.ended_at, waiting_on = excluded.waiting_on,
    failure = excluded.failure, state = coalesce(excluded.state, old.state),
    state_seq = CASE WHEN excluded.state IS NULL THEN old.state_seq ELSE excluded.state_seq END
), j AS (
  INSERT INTO belay.journal (lane, iid, seq, at, version, kind, actor, body)
  SELECT r.lane, r.iid, r.seq, belay.instant(r.at), r.version, r.kind, r.actor, r.body
    FROM unnest($25::int[], $26::uuid[], $27::int[], $28::bigint[], $29::int[], $30::text[], $31::text[], $32::text[])
         AS r (lane, iid, seq, at, version, kind, actor, body)
   WHERE r.lane IN (SELECT lane FROM f)
), k AS (
  INSERT INTO belay.start_key (lane, tenant, key, saga, digest, at)
  SELECT r.lane, r.tenant, r.key, r.saga, r.digest, belay.instant(r.at)
    FROM unnest($33::int[], $34::text[], $35::text[], $36::uuid[], $37::text[], $38::bigint[])
         AS r (lane, tenant, key, saga, digest, at)
   WHERE r.lane IN (SELECT lane FROM f)
  ON CONFLICT (lane, tenant, key) DO UPDATE SET saga = excluded.saga, digest = excluded.digest, at = excluded.at
), e AS (
  INSERT INTO belay.event (lane, eseq, id, tenant, type, version, key, at, claimed, payload, metadata)
  SELECT r.lane, r.eseq, r.id, r.tenant, r.type, r.version, r.key, belay.instant(r.at), r.claimed, r.payload, r.metadata
    FROM unnest($39::int[], $40::bigint[], $41::text[], $42::text[], $43::text[], $44::int[], $45::text[],
                $46::bigint[], $47::boolean[], $48::json[], $49::json[])
         AS r (lane, eseq, id, tenant, type, version, key, at, claimed, payload, metadata)
   WHERE r.lane IN (SELECT lane FROM f)
), c AS (
  UPDATE belay.event SET claimed = true
    FROM unnest($50::int[], $51::bigint[]) AS r (lane, eseq)
   WHERE r.lane IN (SELECT lane FROM f) AND event.lane = r.lane AND event.eseq = r.eseq AND NOT event.claimed
), s AS (
  INSERT INTO belay.subscription (lane, tenant, type, key, saga, path, since)
  SELECT r.lane, r.tenant, r.type, r.key, r.saga, r.path, belay.instant(r.since)
    FROM unnest($52::int[], $53::text[], $54::text[], $55::text[], $56::uuid[], $57::text[], $58::bigint[])
         AS r (lane, tenant, type, key, saga, path, since)
   WHERE r.lane IN (SELECT lane FROM f)
  ON CONFLICT (lane, tenant, type, key, saga, path) DO UPDATE SET since = excluded.since
), sg AS (
  DELETE FROM belay.subscription AS old
   USING unnest($59::int[], $60::text[], $61::text[], $62::text[], $63::uuid[], $64::text[])
         AS r (lane, tenant, type, key, saga, path)
   WHERE r.lane IN (SELECT lane FROM f) AND old.lane = r.lane AND old.tenant = r.tenant AND old.type = r.type
     AND old.key = r.key AND old.saga = r.saga AND old.path = r.path
), m AS (
  INSERT INTO belay.mailbox (lane, sender, number, kind, body)
  SELECT r.lane, r.sender, r.number, r.kind, r.body
    FROM unnest($65::int[], $66::int[], $67::bigint[], $68::text[], $69::json[]) AS r (lane, sender, number, kind, body)
   WHERE r.sender IN (SELECT lane FROM f)
), mg AS (
  DELETE FROM belay.mailbox AS old USING unnest($70::int[], $71::int[], $72::bigint[]) AS r (lane, sender, number)
   WHERE r.lane IN (SELECT lane FROM f) AND old.lane = r.lane AND old.sender = r.sender AND old.number = r.number
), kg AS (
  DELETE FROM belay.start_key AS old USING unnest($73::int[], $74::text[], $75::text[], $76::uuid[])
         AS r (lane, tenant, key, saga)
   WHERE r.lane IN (SELECT lane FROM f) AND old.lane = r.lane AND old.tenant = r.tenant AND old.key = r.key
     AND old.saga = r.saga
), d AS (
  INSERT INTO belay.dedup (lane, tenant, scope, key, digest, answer, at)
  SELECT r.lane, r.tenant, r.scope, r.key, r.digest, r.answer, belay.instant(r.at)
    FROM unnest($77::int[], $78::text[], $79::text[], $80::text[], $81::text[], $82::json[], $83::bigint[])
         AS r (lane, tenant, scope, key, digest, answer, at)
   WHERE r.lane IN (SELECT lane FROM f)
  ON CONFLICT (lane, tenant, scope, key) DO NOTHING
), t AS (
  INSERT INTO belay.turn (lane, tenant, name, saga, holding)
  SELECT r.lane, r.tenant, r.name, r.saga, r.holding
    FROM unnest($84::int[], $85::text[], $86::text[], $87::uuid[], $88::boolean[])
         AS r (lane, tenant, name, saga, holding)
   WHERE r.lane IN (SELECT lane FROM f)
  ON CONFLICT (lane, tenant, name, saga) DO UPDATE SET holding = excluded.holding
), tg AS (
  DELETE FROM belay.turn AS old USING unnest($89::int[], $90::text[], $91::text[], $92::uuid[])
         AS r (lane, tenant, name, saga)
   WHERE r.lane IN (SELECT lane FROM f) AND old.lane = r.lane AND old.tenant = r.tenant AND old.name = r.name
     AND old.saga = r.saga
), q AS (
  INSERT INTO belay.question (lane, saga, path, tenant, role, since, until)
  SELECT r.lane, r.saga, r.path, r.tenant, r.role, belay.instant(r.since), belay.instant(r.until)
    FROM unnest($93::int[], $94::uuid[], $95::text[], $96::text[], $97::text[], $98::bigint[], $99::bigint[])
         AS r (lane, saga, path, tenant, role, since, until)
   WHERE r.lane IN (SELECT lane FROM f)
  ON CONFLICT (lane, saga, path) DO UPDATE SET since = excluded.since, until = excluded.until
), qg AS (
  DELETE FROM belay.question AS old USING unnest($100::int[], $101::uuid[], $102::text[]) AS r (lane, saga, path)
   WHERE r.lane IN (SELECT lane FROM f) AND old.lane = r.lane AND old.saga = r.saga AND old.path = r.path
), sk AS (
  INSERT INTO belay.saga_key (lane, iid, tenant, wrapped)
  SELECT r.lane, r.iid, r.tenant, r.wrapped
    FROM unnest($103::int[], $104::uuid[], $105::text[], $106::text[]) AS r (lane, iid, tenant, wrapped)
   WHERE r.lane IN (SELECT lane FROM f)
)
SELECT array_to_string(ARRAY(SELECT lane FROM f), ','), belay.us(clock_timestamp());
