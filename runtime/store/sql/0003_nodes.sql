-- Several nodes share the lanes. Expands only: a program of the schema before may run beside.

-- Who is there, and where peers reach it. Each node renews its own row about once a second and reads all others with
-- the same statement. It decides nothing: who holds a lane is the lane's row alone.
CREATE TABLE belay.node (
  name        text PRIMARY KEY,
  address     text NOT NULL,
  process     text NOT NULL,                     -- as in lane: a dead one does not count as being there
  lease_until timestamptz NOT NULL,              -- past: it is gone, or has said that it leaves
  since       timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Start keys that lie with their saga and not in the lane that the key itself picks. Most keys are not of them, and cost
-- nothing here.
CREATE INDEX start_key_away ON belay.start_key (tenant, key) WHERE left(key, 1) = '~';
