-- Who stands in line under `one at a time`, which questions are open, the keys that private values are sealed under, and
-- which questions an API key may answer. Expands only: a program of the schema before may run beside.

-- Sagas that are under way or queued, by what they may be one at a time of. A row goes in the flush in which its saga
-- ends; at most one of a name is `holding`.
CREATE TABLE belay.turn (
  lane    int NOT NULL,
  tenant  text NOT NULL,
  name    text NOT NULL,                         -- "<workflow>:<value>"
  saga    uuid NOT NULL,
  holding boolean NOT NULL,
  PRIMARY KEY (lane, tenant, name, saga)
);

-- Open questions. What is asked, and which fields answer it, is in the saga's definition.
CREATE TABLE belay.question (
  lane   int NOT NULL,
  saga   uuid NOT NULL,
  path   text NOT NULL,
  tenant text NOT NULL,
  role   text NOT NULL,
  since  timestamptz NOT NULL,
  until  timestamptz,
  PRIMARY KEY (lane, saga, path)
);
CREATE INDEX question_list ON belay.question (tenant, saga, path);

-- The data key of a saga whose definition has private fields, itself sealed under the master key. Without its row, what
-- was sealed under it is gone for good.
CREATE TABLE belay.saga_key (
  lane    int NOT NULL,
  iid     uuid NOT NULL,
  tenant  text NOT NULL,
  wrapped text NOT NULL,
  PRIMARY KEY (lane, iid)
);

-- Roles of questions that the key may answer whatever its own role, separated by commas.
ALTER TABLE belay.api_key ADD COLUMN may_answer text NOT NULL DEFAULT '';
