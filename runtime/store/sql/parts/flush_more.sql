), e AS (
  INSERT INTO belay.event (lane, eseq, id, tenant, type, version, key, at, claimed, payload, metadata)
  SELECT r.lane, r.eseq, r.id, r.tenant, r.type, r.version, r.key,
         belay.instant(greatest(r.at, least(latest.us, r.at + belay.raised_us()))), r.claimed, r.payload, r.metadata
    FROM unnest($46::int[], $47::bigint[], $48::text[], $49::text[], $50::text[], $51::int[], $52::text[],
                $53::bigint[], $54::boolean[], $55::json[], $56::json[])
         AS r (lane, eseq, id, tenant, type, version, key, at, claimed, payload, metadata),
         (SELECT coalesce(max(last_us), 0) AS us FROM belay.lane
           WHERE last_us < belay.us(clock_timestamp()) + belay.set_back_us()) AS latest
   WHERE r.lane IN (SELECT lane FROM f)
), c AS (
  UPDATE belay.event SET claimed = true
    FROM unnest($57::int[], $58::bigint[]) AS r (lane, eseq)
   WHERE r.lane IN (SELECT lane FROM f) AND event.lane = r.lane AND event.eseq = r.eseq AND NOT event.claimed
), s AS (
  INSERT INTO belay.subscription (lane, tenant, type, key, saga, path, since)
  SELECT r.lane, r.tenant, r.type, r.key, r.saga, r.path, belay.instant(r.since)
    FROM unnest($59::int[], $60::text[], $61::text[], $62::text[], $63::uuid[], $64::text[], $65::bigint[])
         AS r (lane, tenant, type, key, saga, path, since)
   WHERE r.lane IN (SELECT lane FROM f)
  ON CONFLICT (lane, tenant, type, key, saga, path) DO UPDATE SET since = excluded.since
), sg AS (
  DELETE FROM belay.subscription AS old
   USING unnest($66::int[], $67::text[], $68::text[], $69::text[], $70::uuid[], $71::text[])
         AS r (lane, tenant, type, key, saga, path)
   WHERE r.lane IN (SELECT lane FROM f) AND old.lane = r.lane AND old.tenant = r.tenant AND old.type = r.type
     AND old.key = r.key AND old.saga = r.saga AND old.path = r.path
), m AS (
  INSERT INTO belay.mailbox (lane, sender, number, kind, body)
  SELECT r.lane, r.sender, r.number, r.kind, r.body
    FROM unnest($72::int[], $73::int[], $74::bigint[], $75::text[], $76::json[]) AS r (lane, sender, number, kind, body)
   WHERE r.sender IN (SELECT lane FROM f)
), mg AS (
  DELETE FROM belay.mailbox AS old USING unnest($77::int[], $78::int[], $79::bigint[]) AS r (lane, sender, number)
   WHERE r.lane IN (SELECT lane FROM f) AND old.lane = r.lane AND old.sender = r.sender AND old.number = r.number
), kg AS (
  DELETE FROM belay.start_key AS old USING unnest($80::int[], $81::text[], $82::text[], $83::uuid[])
         AS r (lane, tenant, key, saga)
   WHERE r.lane IN (SELECT lane FROM f) AND old.lane = r.lane AND old.tenant = r.tenant AND old.key = r.key
     AND old.saga = r.saga
), d AS (
  INSERT INTO belay.dedup (lane, tenant, scope, key, digest, answer, at)
  SELECT r.lane, r.tenant, r.scope, r.key, r.digest, r.answer, belay.instant(r.at)
    FROM unnest($84::int[], $85::text[], $86::text[], $87::text[], $88::text[], $89::json[], $90::bigint[])
         AS r (lane, tenant, scope, key, digest, answer, at)
   WHERE r.lane IN (SELECT lane FROM f)
  ON CONFLICT (lane, tenant, scope, key) DO NOTHING
