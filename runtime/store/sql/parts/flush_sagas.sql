WITH f AS (
  UPDATE belay.lane
     SET head = head + 1, lease_until = clock_timestamp() + $4::bigint * interval '1 millisecond',
         last_us = greatest(last_us, $5::bigint)
   WHERE lane = ANY ($1::int[])
     AND epoch = ($2::bigint[])[array_position($1::int[], lane)]
     AND head = ($3::bigint[])[array_position($1::int[], lane)]
  RETURNING lane, mark
), r AS (
  SELECT r.lane, r.iid, r.tenant, r.workflow, r.key, belay.instant(r.created_at), r.workflow_version, r.definition,
         r.ended_at = 0 AND r.iid < f.mark, r.status IN ('compensating', 'compensated'), r.status, r.health, r.seq,
         r.state_seq, belay.instant(r.health_since), belay.instant(r.due_at), belay.instant(r.updated_at),
         belay.instant(r.ended_at), r.waiting_on, r.failure, r.state, r.end_seq, belay.instant(r.end_at), r.end_kind,
         r.end_actor, r.end_body, r.started_actor, r.started_body
    FROM unnest($6::int[], $7::uuid[], $8::text[], $9::text[], $10::text[], $11::bigint[], $12::int[], $13::text[],
                $14::text[], $15::text[], $16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[],
                $21::bigint[], $22::text[], $23::text[], $24::text[], $25::int[], $26::bigint[], $27::text[],
                $28::text[], $29::text[], $30::text[], $31::text[])
         AS r (lane, iid, tenant, workflow, key, created_at, workflow_version, definition, status, health, seq,
               state_seq, health_since, due_at, updated_at, ended_at, waiting_on, failure, state, end_seq, end_at,
               end_kind, end_actor, end_body, started_actor, started_body)
    JOIN f ON f.lane = r.lane
), n AS (
  INSERT INTO belay.instance (
    lane, iid, tenant, workflow, key, created_at, workflow_version, definition, lingering, undoing, status, health,
    seq, state_seq, health_since, due_at, updated_at, ended_at, waiting_on, failure, state, end_seq, end_at, end_kind,
    end_actor, end_body, started_actor, started_body)
  SELECT * FROM r WHERE r.started_body IS NOT NULL
), i AS (
  INSERT INTO belay.instance AS old (
    lane, iid, tenant, workflow, key, created_at, workflow_version, definition, lingering, undoing, status, health,
    seq, state_seq, health_since, due_at, updated_at, ended_at, waiting_on, failure, state, end_seq, end_at, end_kind,
    end_actor, end_body, started_actor, started_body)
  SELECT * FROM r WHERE r.started_body IS NULL
  ON CONFLICT (lane, iid) DO UPDATE SET
    workflow_version = excluded.workflow_version, definition = excluded.definition,
    lingering = (old.lingering OR old.ended_at IS NOT NULL) AND excluded.ended_at IS NULL, undoing = excluded.undoing, status = excluded.status,
    health = excluded.health, seq = excluded.seq, health_since = excluded.health_since, due_at = excluded.due_at,
    updated_at = excluded.updated_at, ended_at = excluded.ended_at, waiting_on = excluded.waiting_on,
    failure = excluded.failure, state = coalesce(excluded.state, old.state),
    state_seq = CASE WHEN excluded.state IS NULL THEN old.state_seq ELSE excluded.state_seq END,
    end_seq = coalesce(excluded.end_seq, old.end_seq), end_at = coalesce(excluded.end_at, old.end_at),
    end_kind = coalesce(excluded.end_kind, old.end_kind), end_actor = coalesce(excluded.end_actor, old.end_actor),
    end_body = coalesce(excluded.end_body, old.end_body)
), j AS (
  INSERT INTO belay.journal (lane, iid, seq, at, version, kind, actor, body)
  SELECT r.lane, r.iid, r.seq, belay.instant(r.at), r.version, r.kind, r.actor, r.body
    FROM unnest($32::int[], $33::uuid[], $34::int[], $35::bigint[], $36::int[], $37::text[], $38::text[], $39::text[])
         AS r (lane, iid, seq, at, version, kind, actor, body)
   WHERE r.lane IN (SELECT lane FROM f)
), k AS (
  INSERT INTO belay.start_key (lane, tenant, key, saga, digest, at)
  SELECT r.lane, r.tenant, r.key, r.saga, r.digest, belay.instant(r.at)
    FROM unnest($40::int[], $41::text[], $42::text[], $43::uuid[], $44::text[], $45::bigint[])
         AS r (lane, tenant, key, saga, digest, at)
   WHERE r.lane IN (SELECT lane FROM f)
  ON CONFLICT (lane, tenant, key) DO UPDATE SET saga = excluded.saga, digest = excluded.digest, at = excluded.at
