-- flush_full and what few workflows have: turns (`one at a time`), open questions, keys of sagas with private values. A
-- statement of its own for the same reason.
-- name: flush_rare
-- include: flush_sagas
-- include: flush_more
), t AS (
  INSERT INTO belay.turn (lane, tenant, name, saga, holding)
  SELECT r.lane, r.tenant, r.name, r.saga, r.holding
    FROM unnest($91::int[], $92::text[], $93::text[], $94::uuid[], $95::boolean[])
         AS r (lane, tenant, name, saga, holding)
   WHERE r.lane IN (SELECT lane FROM f)
  ON CONFLICT (lane, tenant, name, saga) DO UPDATE SET holding = excluded.holding
), tg AS (
  DELETE FROM belay.turn AS old USING unnest($96::int[], $97::text[], $98::text[], $99::uuid[])
         AS r (lane, tenant, name, saga)
   WHERE r.lane IN (SELECT lane FROM f) AND old.lane = r.lane AND old.tenant = r.tenant AND old.name = r.name
     AND old.saga = r.saga
), q AS (
  INSERT INTO belay.question (lane, saga, path, tenant, role, since, until)
  SELECT r.lane, r.saga, r.path, r.tenant, r.role, belay.instant(r.since), belay.instant(r.until)
    FROM unnest($100::int[], $101::uuid[], $102::text[], $103::text[], $104::text[], $105::bigint[], $106::bigint[])
         AS r (lane, saga, path, tenant, role, since, until)
   WHERE r.lane IN (SELECT lane FROM f)
  ON CONFLICT (lane, saga, path) DO UPDATE SET since = excluded.since, until = excluded.until
), qg AS (
  DELETE FROM belay.question AS old USING unnest($107::int[], $108::uuid[], $109::text[]) AS r (lane, saga, path)
   WHERE r.lane IN (SELECT lane FROM f) AND old.lane = r.lane AND old.saga = r.saga AND old.path = r.path
), sk AS (
  INSERT INTO belay.saga_key (lane, iid, tenant, wrapped)
  SELECT r.lane, r.iid, r.tenant, r.wrapped
    FROM unnest($110::int[], $111::uuid[], $112::text[], $113::text[]) AS r (lane, iid, tenant, wrapped)
   WHERE r.lane IN (SELECT lane FROM f)
-- include: flush_fences
