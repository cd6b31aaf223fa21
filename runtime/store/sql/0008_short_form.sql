-- What the common saga writes again and again, in fewer bytes of the write-ahead log: the words of an entry as signs, the
-- definition by its workflow and version. belay.entry shows entries whole. Changes the catalog alone; while a program of
-- the schema before runs beside, nobody writes the short form (belay.node.format 3).

-- The hash is left out of a row where belay.definition has it under the row's workflow and version, which never changes.
ALTER TABLE belay.instance ALTER COLUMN definition DROP NOT NULL;

-- A kind that is one letter, whole (store/short_form.h writes them).
CREATE FUNCTION belay.long_kind(kind text) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN CASE kind WHEN 'S' THEN 'StepSucceeded' WHEN 'F' THEN 'StepFailed' WHEN 'T' THEN 'TimerFired'
                   WHEN 'E' THEN 'EventTaken' ELSE kind END;

-- A body whose pieces are control characters, whole. JSON holds none as they are, and a short body begins with one.
CREATE FUNCTION belay.long_body(body text) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN ascii(body) NOT BETWEEN 1 AND 8 THEN body ELSE
    replace(replace(replace(replace(replace(replace(replace(replace(
    replace(replace(replace(replace(replace(replace(replace(replace(body,
      E'\x01', '{"path":"'),
      E'\x02', '{"input":'),
      E'\x0e', '","result":'),
      E'\x0f', ',"drawn":[{"'),
      E'\x10', ',"drawn":[{"sent":"'),
      E'\x11', ',"drawn":[{"ended":true'),
      E'\x12', '","digest":"'),
      E'\x13', '","direction":"undo'),
      E'\x14', '"},{"'),
      E'\x15', '"},{"sent":"'),
      E'\x16', '"}]}'),
      E'\x17', '}}]}'),
      E'\x18', ',"output":'),
      E'\x19', '","failed":"'),
      E'\x1a', '","error":"'),
      E'\x1b', '","message":"') END;

-- The journal, whole.
CREATE OR REPLACE VIEW belay.entry AS
  SELECT lane, iid, seq, at, version, belay.long_kind(kind) AS kind, actor, belay.long_body(body) AS body
    FROM belay.journal
  UNION ALL
  SELECT lane, iid, 1, created_at, 1::smallint, 'Started', coalesce(started_actor, ''), belay.long_body(started_body)
    FROM belay.instance WHERE started_body IS NOT NULL
  UNION ALL
  SELECT lane, iid, end_seq, end_at, 1::smallint, belay.long_kind(end_kind), coalesce(end_actor, ''),
         belay.long_body(end_body)
    FROM belay.instance WHERE end_body IS NOT NULL;
