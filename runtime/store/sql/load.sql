-- What the engine reads. Each by an index named below; no locks beyond a read's.

-- The number of each lane's last event: what its next owner counts on from, whatever its clock says. By primary key, the
-- last row of each lane in each partition.
-- name: last_events
SELECT wanted.lane, last.eseq
  FROM unnest($1::int[]) AS wanted (lane)
 CROSS JOIN LATERAL (SELECT max(eseq) AS eseq FROM belay.event WHERE event.lane = wanted.lane) AS last
 WHERE last.eseq IS NOT NULL;

-- Sagas that run and wait for nothing: the young ones by primary key from the lane's mark on, the older ones by index
-- instance_lingering. One snapshot, so none is missed while the mark moves.
-- name: running_sagas
SELECT iid FROM belay.instance
 WHERE lane = $1::int AND iid >= (SELECT mark FROM belay.lane WHERE lane = $1::int)
   AND status IN ('running', 'compensating') AND waiting_on = ''
UNION
SELECT iid FROM belay.instance
 WHERE lane = $1::int AND lingering AND status IN ('running', 'compensating') AND waiting_on = ''
ORDER BY iid;

-- Keeps "the young ones" few: see belay.move_mark. Locks one lane's row and the rows it marks, for milliseconds.
-- name: move_mark
SELECT belay.move_mark($1::int, $2::bigint * interval '1 millisecond');

-- Whole instance rows: primary key; a definition that the row names by its version: unique index of definition.
-- name: load_instances
SELECT i.lane, i.iid, i.tenant, i.workflow, i.key, belay.us(i.created_at), i.workflow_version,
       coalesce(i.definition, (SELECT d.hash FROM belay.definition AS d
                                WHERE d.workflow = i.workflow AND d.version = i.workflow_version)),
       i.status, i.health, i.seq, i.state_seq, belay.us(i.health_since), belay.us(i.due_at), belay.us(i.updated_at),
       belay.us(i.ended_at), i.waiting_on, i.failure, i.state
  FROM unnest($1::int[], $2::uuid[]) AS r (lane, iid)
  JOIN belay.instance AS i ON i.lane = r.lane AND i.iid = r.iid;

-- Journals after a given entry: primary key of the one partition that holds the saga, and of its instance row.
-- name: load_journals
SELECT j.lane, j.iid, j.seq, belay.us(j.at), j.version, j.kind, j.actor, j.body
  FROM unnest($1::int[], $2::uuid[], $3::int[]) WITH ORDINALITY AS r (lane, iid, after, number)
 CROSS JOIN LATERAL (SELECT * FROM belay.entry AS o
                      WHERE o.lane = r.lane AND o.iid = r.iid AND o.seq > r.after ORDER BY o.seq) AS j
 ORDER BY r.number, j.seq;

-- Parked sagas whose time comes then, earliest first: index instance_due.
-- name: due_sagas
SELECT lane, iid, belay.us(due_at) FROM belay.instance
 WHERE due_at >= belay.instant($4::bigint) AND due_at <= belay.instant($1::bigint) AND lane = ANY ($3::int[]) ORDER BY due_at LIMIT $2::bigint;

-- Mail of these lanes but from those, in the order of its senders: primary key. The table holds only what was not
-- consumed yet.
-- name: mailbox
SELECT lane, sender, number, kind, body FROM belay.mailbox
 WHERE lane = ANY ($1::int[]) AND NOT sender = ANY ($2::int[]) ORDER BY lane, sender, number LIMIT $3::bigint;

-- Primary key of subscription.
-- name: subscriptions_of
SELECT s.lane, s.tenant, s.type, s.key, s.saga, s.path, belay.us(s.since)
  FROM unnest($1::int[], $2::text[], $3::text[], $4::text[]) AS r (lane, tenant, type, key)
  JOIN belay.subscription AS s ON s.lane = r.lane AND s.tenant = r.tenant AND s.type = r.type AND s.key = r.key
 ORDER BY s.lane, s.since, s.saga, s.path;

-- Index event_topic; partitions older than `since` are not opened. An event may have come a little later than its number
-- says (flush_more.sql).
-- name: events_since
SELECT e.lane, e.eseq, e.id, e.tenant, e.type, e.version, e.key, belay.us(e.at), e.claimed, e.payload, e.metadata
  FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::bigint[])
       WITH ORDINALITY AS r (lane, tenant, type, key, since, number)
 CROSS JOIN LATERAL (SELECT * FROM belay.event AS o
                      WHERE o.lane = r.lane AND o.tenant = r.tenant AND o.type = r.type AND o.key = r.key
                        AND o.eseq >= (r.since - belay.raised_us()) * 1000 AND belay.us(o.at) >= r.since
                      ORDER BY o.eseq) AS e
 ORDER BY r.number, e.eseq;

-- Primary key of start_key; of keys that lie with their saga, whichever lane that is: index start_key_away.
-- name: start_keys
SELECT k.lane, k.tenant, k.key, k.saga, k.digest, belay.us(k.at)
  FROM unnest($1::int[], $2::text[], $3::text[]) AS r (lane, tenant, key)
  JOIN belay.start_key AS k ON k.lane = r.lane AND k.tenant = r.tenant AND k.key = r.key
UNION ALL
SELECT k.lane, k.tenant, k.key, k.saga, k.digest, belay.us(k.at)
  FROM unnest($4::text[], $5::text[]) AS r (tenant, key)
  JOIN belay.start_key AS k ON k.tenant = r.tenant AND k.key = r.key AND left(k.key, 1) = '~';

-- Primary key of dedup.
-- name: dedup
SELECT d.lane, d.tenant, d.scope, d.key, d.digest, d.answer, belay.us(d.at)
  FROM unnest($1::int[], $2::text[], $3::text[], $4::text[]) AS r (lane, tenant, scope, key)
  JOIN belay.dedup AS d ON d.lane = r.lane AND d.tenant = r.tenant AND d.scope = r.scope AND d.key = r.key;

-- Index instance_list.
-- name: find_sagas
SELECT i.iid, i.lane FROM unnest($1::text[], $2::uuid[]) AS r (tenant, iid)
  JOIN belay.instance AS i ON i.tenant = r.tenant AND i.iid = r.iid;

-- Inserts where neither hash nor version is known; answers with what the version and the hash have now.
-- name: put_definition
WITH made AS (
  INSERT INTO belay.definition (hash, workflow, version, graph) VALUES ($1::text, $2::text, $3::int, $4::bytea)
  ON CONFLICT DO NOTHING RETURNING hash, workflow, version
)
SELECT hash, workflow, version FROM made UNION ALL
SELECT hash, workflow, version FROM belay.definition WHERE (workflow = $2::text AND version = $3::int) OR hash = $1::text;

-- Primary key of definition.
-- name: get_definition
SELECT encode(graph, 'hex'), workflow, version FROM belay.definition WHERE hash = $1::text;

-- Who holds and who stands in line, the holder first, then in order: primary key of turn.
-- name: turns
SELECT t.lane, t.tenant, t.name, t.saga, t.holding
  FROM unnest($1::int[], $2::text[], $3::text[]) WITH ORDINALITY AS r (lane, tenant, name, number)
 CROSS JOIN LATERAL (SELECT * FROM belay.turn AS o
                      WHERE o.lane = r.lane AND o.tenant = r.tenant AND o.name = r.name
                      ORDER BY o.holding DESC, o.saga LIMIT 100) AS t
 ORDER BY r.number, t.holding DESC, t.saga;

-- Primary key of saga_key.
-- name: saga_keys
SELECT k.lane, k.iid, k.wrapped FROM unnest($1::int[], $2::uuid[]) AS r (lane, iid)
  JOIN belay.saga_key AS k ON k.lane = r.lane AND k.iid = r.iid;
