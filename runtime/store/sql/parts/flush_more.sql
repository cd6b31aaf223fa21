), e AS (
  INSERT INTO belay.event (lane, eseq, id, tenant, type, version, key, at, claimed, payload, metadata)
  SELECT r.lane, r.eseq, r.id, r.tenant, r.type, r.version, r.key, belay.instant(r.at), r.claimed, r.payload, r.metadata
    FROM unnest($45::int[], $46::bigint[], $47::text[], $48::text[], $49::text[], $50::int[], $51::text[],
                $52::bigint[], $53::boolean[], $54::json[], $55::json[])
         AS r (lane, eseq, id, tenant, type, version, key, at, claimed, payload, metadata)
   WHERE r.lane IN (SELECT lane FROM f)
), c AS (
  UPDATE belay.event SET claimed = true
    FROM unnest($56::int[], $57::bigint[]) AS r (lane, eseq)
   WHERE r.lane IN (SELECT lane FROM f) AND event.lane = r.lane AND event.eseq = r.eseq AND NOT event.claimed
), s AS (
  INSERT INTO belay.subscription (lane, tenant, type, key, saga, path, since)
  SELECT r.lane, r.tenant, r.type, r.key, r.saga, r.path, belay.instant(r.since)
    FROM unnest($58::int[], $59::text[], $60::text[], $61::text[], $62::uuid[], $63::text[], $64::bigint[])
         AS r (lane, tenant, type, key, saga, path, since)
   WHERE r.lane IN (SELECT lane FROM f)
  ON CONFLICT (lane, tenant, type, key, saga, path) DO UPDATE SET since = excluded.since
), sg AS (
  DELETE FROM belay.subscription AS old
   USING unnest($65::int[], $66::text[], $67::text[], $68::text[], $69::uuid[], $70::text[])
         AS r (lane, tenant, type, key, saga, path)
   WHERE r.lane IN (SELECT lane FROM f) AND old.lane = r.lane AND old.tenant = r.tenant AND old.type = r.type
     AND old.key = r.key AND old.saga = r.saga AND old.path = r.path
), m AS (
  INSERT INTO belay.mailbox (lane, sender, number, kind, body)
  SELECT r.lane, r.sender, r.number, r.kind, r.body
    FROM unnest($71::int[], $72::int[], $73::bigint[], $74::text[], $75::json[]) AS r (lane, sender, number, kind, body)
   WHERE r.sender IN (SELECT lane FROM f)
), mg AS (
  DELETE FROM belay.mailbox AS old USING unnest($76::int[], $77::int[], $78::bigint[]) AS r (lane, sender, number)
   WHERE r.lane IN (SELECT lane FROM f) AND old.lane = r.lane AND old.sender = r.sender AND old.number = r.number
), kg AS (
  DELETE FROM belay.start_key AS old USING unnest($79::int[], $80::text[], $81::text[], $82::uuid[])
         AS r (lane, tenant, key, saga)
   WHERE r.lane IN (SELECT lane FROM f) AND old.lane = r.lane AND old.tenant = r.tenant AND old.key = r.key
     AND old.saga = r.saga
), d AS (
  INSERT INTO belay.dedup (lane, tenant, scope, key, digest, answer, at)
  SELECT r.lane, r.tenant, r.scope, r.key, r.digest, r.answer, belay.instant(r.at)
    FROM unnest($83::int[], $84::text[], $85::text[], $86::text[], $87::text[], $88::json[], $89::bigint[])
         AS r (lane, tenant, scope, key, digest, answer, at)
   WHERE r.lane IN (SELECT lane FROM f)
  ON CONFLICT (lane, tenant, scope, key) DO NOTHING
