-- What goes behind the cutoff: retention.h has the order. Every statement is small, and each that deletes says itself
-- what it may delete: nothing of a saga that has not ended. Row locks are taken on rows that no flush writes; a child
-- that is undone meanwhile is looked at again when its row is free, and then has not ended.

-- One node at a time. Held by a transaction of its own, so that a pooler between leaves it on one connection.
-- name: retention_turn
SELECT pg_try_advisory_xact_lock(hashtextextended('belay retention', 0));

-- Months wholly behind the cutoff $1: of which table, name, its beginning (an id below all, and microseconds), its end.
-- Reads the catalog.
-- name: months_behind
SELECT m.of_table, m.suffix,
       (substr(replace(belay.first_uuid(m.starts - interval '1 millisecond')::text, '-', ''), 1, 12)
        || 'ffffffffffffffffffff')::uuid,
       belay.first_uuid(belay.month_after(m.starts)), belay.us(m.starts), belay.us(belay.month_after(m.starts))
  FROM (SELECT p.relname AS of_table, right(c.relname, 6) AS suffix,
               CASE WHEN c.relname ~ '^(journal|event)_[0-9]{6}$'
                    THEN belay.month_named(right(c.relname, 6)) END AS starts
          FROM pg_inherits AS h JOIN pg_class AS c ON c.oid = h.inhrelid JOIN pg_class AS p ON p.oid = h.inhparent
         WHERE h.inhparent IN ('belay.journal'::regclass, 'belay.event'::regclass)) AS m
 WHERE belay.month_after(m.starts) <= belay.instant($1::bigint)
 ORDER BY m.of_table DESC, m.suffix;

-- Months that were taken out and not dropped yet. Reads the catalog.
-- name: months_out
SELECT relname FROM pg_class
 WHERE relnamespace = 'belay'::regnamespace AND relkind = 'r' AND relname ~ '^gone_(journal|event)_[0-9]{6}$'
 ORDER BY relname;

-- See belay.detach_month and belay.drop_month for what they lock.
-- name: detach_month
SELECT belay.detach_month($1::text, $2::text, $3::int);

-- name: drop_month
SELECT bytes, events, unclaimed, types FROM belay.drop_month($1::text);

-- The next sagas of a month and lane, by primary key: whether each ended before the cutoff $5, and who began it.
-- name: sagas_of_month
SELECT i.iid, i.tenant,
       i.status IN ('completed', 'compensated') AND coalesce(i.ended_at < belay.instant($5::bigint), false),
       coalesce(i.started_actor, j.actor, '')
  FROM (SELECT lane, iid, tenant, status, ended_at, started_actor FROM belay.instance
         WHERE lane = $1::int AND iid > $2::uuid AND iid < $3::uuid ORDER BY iid LIMIT $4::bigint) AS i
  LEFT JOIN belay.journal AS j ON j.lane = i.lane AND j.iid = i.iid AND j.seq = 1
 ORDER BY i.iid;

-- Which of these sagas are there, in whatever lane: index instance_list.
-- name: sagas_there
SELECT i.iid FROM unnest($1::text[], $2::uuid[]) AS r (tenant, iid)
  JOIN belay.instance AS i ON i.tenant = r.tenant AND i.iid = r.iid;

-- Primary keys throughout. The journal stays behind, for its month or forget_entries to take: a row without a journal
-- would look like a saga that has lost it, a journal without a row is seen by nobody.
-- name: forget_sagas
WITH gone AS (
  DELETE FROM belay.instance AS i USING unnest($2::uuid[]) AS r (iid)
   WHERE i.lane = $1::int AND i.iid = r.iid AND i.status IN ('completed', 'compensated')
     AND i.ended_at < belay.instant($3::bigint)
  RETURNING i.lane, i.iid
), k AS (
  DELETE FROM belay.saga_key AS old USING gone WHERE old.lane = gone.lane AND old.iid = gone.iid
), q AS (
  DELETE FROM belay.question AS old USING gone WHERE old.lane = gone.lane AND old.saga = gone.iid
)
SELECT count(*) FROM gone;

-- In a month that stays: journals of sagas that are gone, by primary key. A saga's row and its first entry are written
-- by one statement, so that a journal without a row is what forget_sagas has left.
-- name: forget_entries
WITH page AS (
  SELECT DISTINCT lane, iid FROM belay.journal
   WHERE lane = $1::int AND iid > $2::uuid AND iid < $3::uuid ORDER BY lane, iid LIMIT $4::bigint
), lost AS (
  SELECT page.lane, page.iid FROM page
   WHERE NOT EXISTS (SELECT FROM belay.instance AS i WHERE i.lane = page.lane AND i.iid = page.iid)
), gone AS (
  DELETE FROM belay.journal AS j USING lost
   WHERE j.lane = lost.lane AND j.iid = lost.iid AND j.iid > $2::uuid AND j.iid < $3::uuid
  RETURNING 1
)
SELECT (SELECT iid FROM page ORDER BY iid DESC LIMIT 1), (SELECT count(*) FROM gone);

-- Of each tenant the oldest saga that lives, if it began before $1: it may yet take an event published since. Primary
-- key from each lane's mark on, and index instance_lingering.
-- name: oldest_living
SELECT tenant, min(belay.us(belay.time_of(iid))) FROM (
  SELECT i.tenant, i.iid
    FROM belay.lane AS l JOIN belay.instance AS i ON i.lane = l.lane AND i.iid >= l.mark
   WHERE NOT i.lingering AND i.status IN ('running', 'compensating')
     AND i.iid < belay.first_uuid(belay.instant($1::bigint))
  UNION ALL
  SELECT tenant, iid FROM belay.instance
   WHERE lingering AND status IN ('running', 'compensating') AND iid < belay.first_uuid(belay.instant($1::bigint))
) AS live GROUP BY tenant ORDER BY tenant;

-- Whether a month holds an event of one of these tenants since then: index event_list.
-- name: month_awaited
SELECT EXISTS (
  SELECT FROM unnest($1::text[], $2::bigint[]) AS r (tenant, since)
   WHERE EXISTS (SELECT FROM belay.event AS e
                  WHERE e.tenant = r.tenant AND e.eseq >= greatest(r.since - belay.raised_us(), $3::bigint) * 1000
                    AND e.eseq < $4::bigint * 1000));

-- The next start keys of a lane, by primary key: which are older than $5, and of which saga.
-- name: old_start_keys
SELECT tenant, key, saga, at < belay.instant($5::bigint) FROM belay.start_key
 WHERE lane = $1::int AND (tenant, key) > ($2::text, $3::text) ORDER BY tenant, key LIMIT $4::bigint;

-- Primary key. A key whose saga is there stays; a saga in another lane than its key's was looked up by sagas_there, and
-- what is gone does not come back.
-- name: forget_start_keys
WITH gone AS (
  DELETE FROM belay.start_key AS old USING unnest($2::text[], $3::text[], $4::uuid[]) AS r (tenant, key, saga)
   WHERE old.lane = $1::int AND old.tenant = r.tenant AND old.key = r.key AND old.saga = r.saga
     AND old.at < belay.instant($5::bigint)
     AND NOT EXISTS (SELECT FROM belay.instance AS i WHERE i.lane = old.lane AND i.iid = old.saga)
  RETURNING 1
)
SELECT count(*) FROM gone;

-- The next remembered requests of a lane, by primary key. Why an event started nothing stays as long as the event.
-- name: forget_dedup
WITH page AS (
  SELECT lane, tenant, scope, key FROM belay.dedup
   WHERE lane = $1::int AND (tenant, scope, key) > ($2::text, $3::text, $4::text)
   ORDER BY tenant, scope, key LIMIT $5::bigint
), gone AS (
  DELETE FROM belay.dedup AS d USING page
   WHERE d.lane = page.lane AND d.tenant = page.tenant AND d.scope = page.scope AND d.key = page.key
     AND d.at < belay.instant($6::bigint)
     AND NOT EXISTS (SELECT FROM belay.event AS e
                      WHERE e.lane = d.lane AND e.eseq = substring(d.scope FROM '^not_started:([0-9]{1,19})$')::bigint)
  RETURNING 1
)
SELECT tenant, scope, key, (SELECT count(*) FROM gone) FROM page ORDER BY tenant DESC, scope DESC, key DESC LIMIT 1;

-- The next receipts of a lane, by primary key. What a receipt protects: a statement that its saga may send again. A key
-- that the engine made names its saga, whose row has to be gone. Of a key that the author chose nobody knows whose it is:
-- it stays while an older saga of its lane lives (index instance_lingering; the lane's mark has to be past it).
-- name: forget_receipts
WITH page AS (
  SELECT lane, tenant, key,
         substring(key FROM '^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):.+:(?:do|check|undo|undo-check):[0-9]+$')::uuid
           AS saga
    FROM belay.receipt
   WHERE lane = $1::int AND (tenant, key) > ($2::text, $3::text) ORDER BY tenant, key LIMIT $4::bigint
), gone AS (
  DELETE FROM belay.receipt AS old USING page
   WHERE old.lane = page.lane AND old.tenant = page.tenant AND old.key = page.key AND old.at < belay.instant($5::bigint)
     AND NOT EXISTS (SELECT FROM belay.instance AS i WHERE i.lane = page.lane AND i.iid = page.saga)
     AND (page.saga IS NOT NULL
          OR EXISTS (SELECT FROM belay.lane AS l WHERE l.lane = old.lane AND l.mark >= belay.first_uuid(old.at))
             AND NOT EXISTS (SELECT FROM belay.instance AS i
                              WHERE i.lane = old.lane AND i.lingering AND i.status IN ('running', 'compensating')
                                AND i.iid <= belay.first_uuid(old.at)))
  RETURNING 1
)
SELECT tenant, key, (SELECT count(*) FROM gone) FROM page ORDER BY tenant DESC, key DESC LIMIT 1;
