-- A saga's first entry and the one that ends it are kept in its instance row, which is written with them anyway: two rows,
-- two index entries and a copy of the input less a saga. The journal is then what belay.entry shows. Expands only: while
-- a program of the schema before runs beside, which would not find them there, nobody writes them there.

-- What changes stands before what does not: an update logs what is between a row's common beginning and its common end.
-- No column `input` is written any more: the first entry holds it.
ALTER TABLE belay.instance
  ADD COLUMN end_seq       int,                  -- null: the entry is in belay.journal, or has not come
  ADD COLUMN end_at        timestamptz,
  ADD COLUMN end_kind      text,
  ADD COLUMN end_actor     text,
  ADD COLUMN end_body      text,                 -- JSON
  ADD COLUMN started_actor text,
  ADD COLUMN started_body  text;                 -- JSON; null: entry 1 is in belay.journal

-- Room on each page for the versions that the ends of its sagas make, the end's entry in them: an update that finds none
-- writes the whole row, and into every index.
ALTER TABLE belay.instance SET (fillfactor = 40);

-- The journal, whole.
CREATE VIEW belay.entry AS
  SELECT lane, iid, seq, at, version, kind, actor, body FROM belay.journal
  UNION ALL
  SELECT lane, iid, 1, created_at, 1::smallint, 'Started', coalesce(started_actor, ''), started_body
    FROM belay.instance WHERE started_body IS NOT NULL
  UNION ALL
  SELECT lane, iid, end_seq, end_at, 1::smallint, end_kind, coalesce(end_actor, ''), end_body
    FROM belay.instance WHERE end_body IS NOT NULL;

-- What a node knows to read. One that does not say knows what schema 6 had.
ALTER TABLE belay.node ADD COLUMN format int NOT NULL DEFAULT 1;
