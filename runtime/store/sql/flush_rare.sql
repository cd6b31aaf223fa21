-- flush_full and what few workflows have: turns (`one at a time`), open questions, keys of sagas with private values. A
-- statement of its own for the same reason.
-- name: flush_rare
-- include: flush_sagas
-- include: flush_more
), t AS (
  INSERT INTO belay.turn (lane, tenant, name, saga, holding)
  SELECT r.lane, r.tenant, r.name, r.saga, r.holding
    FROM unnest($90::int[], $91::text[], $92::text[], $93::uuid[], $94::boolean[])
         AS r (lane, tenant, name, saga, holding)
   WHERE r.lane IN (SELECT lane FROM f)
  ON CONFLICT (lane, tenant, name, saga) DO UPDATE SET holding = excluded.holding
), tg AS (
  DELETE FROM belay.turn AS old USING unnest($95::int[], $96::text[], $97::text[], $98::uuid[])
         AS r (lane, tenant, name, saga)
   WHERE r.lane IN (SELECT lane FROM f) AND old.lane = r.lane AND old.tenant = r.tenant AND old.name = r.name
     AND old.saga = r.saga
), q AS (
  INSERT INTO belay.question (lane, saga, path, tenant, role, since, until)
  SELECT r.lane, r.saga, r.path, r.tenant, r.role, belay.instant(r.since), belay.instant(r.until)
    FROM unnest($99::int[], $100::uuid[], $101::text[], $102::text[], $103::text[], $104::bigint[], $105::bigint[])
         AS r (lane, saga, path, tenant, role, since, until)
   WHERE r.lane IN (SELECT lane FROM f)
  ON CONFLICT (lane, saga, path) DO UPDATE SET since = excluded.since, until = excluded.until
), qg AS (
  DELETE FROM belay.question AS old USING unnest($106::int[], $107::uuid[], $108::text[]) AS r (lane, saga, path)
   WHERE r.lane IN (SELECT lane FROM f) AND old.lane = r.lane AND old.saga = r.saga AND old.path = r.path
), sk AS (
  INSERT INTO belay.saga_key (lane, iid, tenant, wrapped)
  SELECT r.lane, r.iid, r.tenant, r.wrapped
    FROM unnest($109::int[], $110::uuid[], $111::text[], $112::text[]) AS r (lane, iid, tenant, wrapped)
   WHERE r.lane IN (SELECT lane FROM f)
-- include: flush_fences
