-- What the API reads. Lists are newest first and page by the id of the last row ($8, exclusive), which is time-ordered;
-- each names its index, none takes a lock beyond a read's. The five lists differ in the index that carries them: the
-- reader picks by the filter. A row that does not hold its definition's hash names it by workflow and version (unique index
-- of definition). `loading` and `loading_again` are the engine's own marks of a saga that is ok
-- (engine/saga.h): who asks for `ok` gets them too, and they are counted so.

-- Index instance_list, backwards; other filters are checked row by row.
-- name: list_sagas
SELECT i.lane, i.iid, i.tenant, i.workflow, i.key, belay.us(i.created_at), i.workflow_version,
       coalesce(i.definition, (SELECT d.hash FROM belay.definition AS d
                                WHERE d.workflow = i.workflow AND d.version = i.workflow_version)),
       i.status, i.health, i.seq, i.state_seq, belay.us(i.health_since), belay.us(i.due_at), belay.us(i.updated_at),
       belay.us(i.ended_at), i.waiting_on, i.failure
  FROM belay.instance AS i
 WHERE tenant = $1::text
   AND ($2::text = '' OR workflow = $2::text) AND ($3::text = '' OR status = $3::text)
   AND ($4::text IN ('', health) OR $4::text = 'ok' AND health IN ('loading', 'loading_again'))
   AND ($5::text = '' OR key = $5::text)
   AND ($6::text = '' OR position($6::text IN waiting_on) > 0) AND iid >= $7::uuid AND iid < $8::uuid
 ORDER BY iid DESC LIMIT $9::bigint;

-- Index instance_key.
-- name: list_by_key
SELECT i.lane, i.iid, i.tenant, i.workflow, i.key, belay.us(i.created_at), i.workflow_version,
       coalesce(i.definition, (SELECT d.hash FROM belay.definition AS d
                                WHERE d.workflow = i.workflow AND d.version = i.workflow_version)),
       i.status, i.health, i.seq, i.state_seq, belay.us(i.health_since), belay.us(i.due_at), belay.us(i.updated_at),
       belay.us(i.ended_at), i.waiting_on, i.failure
  FROM belay.instance AS i
 WHERE tenant = $1::text
   AND key <> '' AND key = $5::text
   AND ($2::text = '' OR workflow = $2::text) AND ($3::text = '' OR status = $3::text)
   AND ($4::text IN ('', health) OR $4::text = 'ok' AND health IN ('loading', 'loading_again'))
   AND ($5::text = '' OR key = $5::text)
   AND ($6::text = '' OR position($6::text IN waiting_on) > 0) AND iid >= $7::uuid AND iid < $8::uuid
 ORDER BY iid DESC LIMIT $9::bigint;

-- Index instance_unwell.
-- name: list_unwell
SELECT i.lane, i.iid, i.tenant, i.workflow, i.key, belay.us(i.created_at), i.workflow_version,
       coalesce(i.definition, (SELECT d.hash FROM belay.definition AS d
                                WHERE d.workflow = i.workflow AND d.version = i.workflow_version)),
       i.status, i.health, i.seq, i.state_seq, belay.us(i.health_since), belay.us(i.due_at), belay.us(i.updated_at),
       belay.us(i.ended_at), i.waiting_on, i.failure
  FROM belay.instance AS i
 WHERE tenant = $1::text
   AND health <> 'ok' AND health = $4::text
   AND ($2::text = '' OR workflow = $2::text) AND ($3::text = '' OR status = $3::text)
   AND ($4::text = '' OR health = $4::text) AND ($5::text = '' OR key = $5::text)
   AND ($6::text = '' OR position($6::text IN waiting_on) > 0) AND iid >= $7::uuid AND iid < $8::uuid
 ORDER BY iid DESC LIMIT $9::bigint;

-- Index instance_undoing: a small part of all.
-- name: list_undoing
SELECT i.lane, i.iid, i.tenant, i.workflow, i.key, belay.us(i.created_at), i.workflow_version,
       coalesce(i.definition, (SELECT d.hash FROM belay.definition AS d
                                WHERE d.workflow = i.workflow AND d.version = i.workflow_version)),
       i.status, i.health, i.seq, i.state_seq, belay.us(i.health_since), belay.us(i.due_at), belay.us(i.updated_at),
       belay.us(i.ended_at), i.waiting_on, i.failure
  FROM belay.instance AS i
 WHERE tenant = $1::text
   AND undoing
   AND ($2::text = '' OR workflow = $2::text) AND ($3::text = '' OR status = $3::text)
   AND ($4::text IN ('', health) OR $4::text = 'ok' AND health IN ('loading', 'loading_again'))
   AND ($5::text = '' OR key = $5::text)
   AND ($6::text = '' OR position($6::text IN waiting_on) > 0) AND iid >= $7::uuid AND iid < $8::uuid
 ORDER BY iid DESC LIMIT $9::bigint;

-- What runs: the young ones by index instance_list from the least mark on, the older ones by instance_lingering.
-- name: list_running
SELECT * FROM (
  SELECT i.lane, i.iid, i.tenant, i.workflow, i.key, belay.us(i.created_at), i.workflow_version,
       coalesce(i.definition, (SELECT d.hash FROM belay.definition AS d
                                WHERE d.workflow = i.workflow AND d.version = i.workflow_version)),
       i.status, i.health, i.seq, i.state_seq, belay.us(i.health_since), belay.us(i.due_at), belay.us(i.updated_at),
       belay.us(i.ended_at), i.waiting_on, i.failure
    FROM belay.instance AS i
   WHERE tenant = $1::text AND iid >= (SELECT mark FROM belay.lane ORDER BY mark LIMIT 1) AND NOT lingering
     AND status = $3::text
  UNION ALL
  SELECT i.lane, i.iid, i.tenant, i.workflow, i.key, belay.us(i.created_at), i.workflow_version,
       coalesce(i.definition, (SELECT d.hash FROM belay.definition AS d
                                WHERE d.workflow = i.workflow AND d.version = i.workflow_version)),
       i.status, i.health, i.seq, i.state_seq, belay.us(i.health_since), belay.us(i.due_at), belay.us(i.updated_at),
       belay.us(i.ended_at), i.waiting_on, i.failure
    FROM belay.instance AS i WHERE tenant = $1::text AND lingering AND status = $3::text
) AS live (lane, iid, tenant, workflow, key, created_at, workflow_version, definition, status, health, seq,
           state_seq, health_since, due_at, updated_at, ended_at, waiting_on, failure)
 WHERE true
   AND ($2::text = '' OR workflow = $2::text) AND ($3::text = '' OR status = $3::text)
   AND ($4::text IN ('', health) OR $4::text = 'ok' AND health IN ('loading', 'loading_again'))
   AND ($5::text = '' OR key = $5::text)
   AND ($6::text = '' OR position($6::text IN waiting_on) > 0) AND iid >= $7::uuid AND iid < $8::uuid
 ORDER BY iid DESC LIMIT $9::bigint;

-- Index instance_list.
-- name: saga_by_id
SELECT i.lane, i.iid, i.tenant, i.workflow, i.key, belay.us(i.created_at), i.workflow_version,
       coalesce(i.definition, (SELECT d.hash FROM belay.definition AS d
                                WHERE d.workflow = i.workflow AND d.version = i.workflow_version)),
       i.status, i.health, i.seq, i.state_seq, belay.us(i.health_since), belay.us(i.due_at), belay.us(i.updated_at),
       belay.us(i.ended_at), i.waiting_on, i.failure
  FROM belay.instance AS i WHERE tenant = $1::text AND iid = $2::uuid;

-- Primary key of the journal's one partition, and of the instance row.
-- name: history
SELECT lane, iid, seq, belay.us(at), version, kind, actor, body FROM belay.entry
 WHERE lane = $1::int AND iid = $2::uuid AND seq > $3::int ORDER BY seq LIMIT $4::bigint;

-- Index event_list, backwards; why an event started nothing (engine/event_starts.h) by primary key of dedup.
-- name: list_events
SELECT e.lane, eseq, id, e.tenant, type, version, e.key, belay.us(e.at), claimed, payload, metadata,
       (SELECT json_object_agg(d.key, d.answer) FROM belay.dedup AS d
         WHERE d.lane = e.lane AND d.tenant = e.tenant AND d.scope = 'not_started:' || e.eseq)
  FROM belay.event AS e
 WHERE e.tenant = $1::text AND ($2::text = '' OR type = $2::text) AND ($3::text = '' OR e.key = $3::text)
   AND (NOT $4::boolean OR NOT claimed OR EXISTS (
         SELECT FROM belay.dedup AS d
          WHERE d.lane = e.lane AND d.tenant = e.tenant AND d.scope = 'not_started:' || e.eseq)) AND eseq <= $5::bigint AND (eseq, e.lane) < ($5::bigint, $6::int)
 ORDER BY eseq DESC, e.lane DESC LIMIT $7::bigint;

-- Index question_list; the saga's row by primary key.
-- name: list_questions
SELECT q.lane, q.saga, q.path, q.role, belay.us(q.since), belay.us(q.until), i.workflow,
       coalesce(i.definition, (SELECT d.hash FROM belay.definition AS d
                                WHERE d.workflow = i.workflow AND d.version = i.workflow_version))
  FROM belay.question AS q JOIN belay.instance AS i ON i.lane = q.lane AND i.iid = q.saga
 WHERE q.tenant = $1::text AND ($2::text = '' OR q.role = $2::text) AND i.health <> 'quarantined'
   AND (q.saga, q.path) > ($3::uuid, $4::text)
 ORDER BY q.saga, q.path LIMIT $5::bigint;

-- As list_running, over all tenants: primary key from each lane's mark on, and index instance_lingering.
-- name: live_counts
SELECT tenant, workflow, status, CASE WHEN health IN ('loading', 'loading_again') THEN 'ok' ELSE health END AS shown,
       count(*) FROM (
  SELECT i.tenant, i.workflow, i.status, i.health
    FROM belay.lane AS l JOIN belay.instance AS i ON i.lane = l.lane AND i.iid >= l.mark
   WHERE NOT i.lingering AND i.status IN ('running', 'compensating')
  UNION ALL
  SELECT tenant, workflow, status, health FROM belay.instance
   WHERE lingering AND status IN ('running', 'compensating')
) AS live GROUP BY tenant, workflow, status, shown ORDER BY tenant, workflow, status, shown;

-- name: ping
SELECT 1;

-- name: add_api_key
INSERT INTO belay.api_key (id, sha256, tenant, role, name, may_answer)
VALUES ($1::text, $2::text, $3::text, $4::text, $5::text, $6::text);

-- Unique index on sha256.
-- name: find_api_key
SELECT id, tenant, role, name, belay.us(created_at), belay.us(revoked_at), may_answer FROM belay.api_key
 WHERE sha256 = $1::text AND revoked_at IS NULL;

-- A small table, read whole.
-- name: list_api_keys
SELECT id, tenant, role, name, belay.us(created_at), belay.us(revoked_at), may_answer FROM belay.api_key
 WHERE $1::text = '' OR tenant = $1::text ORDER BY created_at, id;

-- name: revoke_api_key
UPDATE belay.api_key SET revoked_at = now() WHERE id = $1::text AND revoked_at IS NULL RETURNING id;

-- name: audit
INSERT INTO belay.audit (tenant, actor, act, detail) VALUES ($1::text, $2::text, $3::text, $4::json);

-- By index instance_list and primary keys; locks the saga's row. Nobody else writes the row of a saga that has ended,
-- but the undo of a child, which would need what is erased here.
-- name: erase_saga
WITH i AS (
  UPDATE belay.instance SET input = NULL, state = NULL, state_seq = 0
   WHERE tenant = $1::text AND iid = $2::uuid AND status IN ('completed', 'compensated')
     AND EXISTS (SELECT FROM belay.saga_key AS k WHERE k.lane = instance.lane AND k.iid = instance.iid)
  RETURNING lane, iid
), k AS (
  DELETE FROM belay.saga_key AS old USING i WHERE old.lane = i.lane AND old.iid = i.iid RETURNING old.iid
), a AS (
  INSERT INTO belay.audit (tenant, actor, act, detail)
  SELECT $1::text, $3::text, 'saga.erased', json_build_object('saga', iid, 'reason', $4::text) FROM k
)
SELECT iid FROM k;
