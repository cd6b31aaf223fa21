-- The first schema (docs/ARCHITECTURE.md has the picture). Every key begins with the lane and holds the tenant where
-- strangers choose it. The rows of a lane are written by its owner alone, in one statement a flush.

CREATE TABLE belay.lane (
  lane        int PRIMARY KEY,
  owner       text NOT NULL DEFAULT '',
  process     text NOT NULL DEFAULT '',          -- which process on which machine: a dead one is taken over at once
  epoch       bigint NOT NULL DEFAULT 0,         -- rises with every claim
  head        bigint NOT NULL DEFAULT 0,         -- rises with every flush
  lease_until timestamptz NOT NULL DEFAULT '-infinity',
  crashes     int NOT NULL DEFAULT 0,            -- claims without a clean release
  format      int NOT NULL DEFAULT 1,
  -- Sagas of this lane with a lesser id that still run are marked `lingering`; see move_mark.
  mark        uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

INSERT INTO belay.lane (lane) SELECT generate_series(0, 31);

-- What never changes stands first: an update then logs only what follows. No index holds a column that changes while a
-- saga runs straight through (status, seq, times): its last update then touches no index at all (a HOT update, for
-- which the pages keep room). That is why a saga that runs is found by its age or by `lingering`, and one that is
-- undone by `undoing`, not by an index on status.
CREATE TABLE belay.instance (
  lane             int NOT NULL,
  iid              uuid NOT NULL,
  tenant           text NOT NULL,
  workflow         text NOT NULL,
  key              text NOT NULL,                -- of `once per`, else empty
  created_at       timestamptz NOT NULL,
  input            text,                         -- JSON; not checked again by the type: a tenth of a flush
  workflow_version int NOT NULL,
  definition       text NOT NULL,
  lingering        boolean NOT NULL,             -- runs, or ran, and is older than its lane's mark
  undoing          boolean NOT NULL,             -- status is compensating or compensated
  status           text NOT NULL,
  health           text NOT NULL,
  seq              bigint NOT NULL,
  state_seq        bigint NOT NULL,
  health_since     timestamptz,
  due_at           timestamptz,
  updated_at       timestamptz,
  ended_at         timestamptz,
  waiting_on       text NOT NULL,
  failure          text NOT NULL,
  state            text,                         -- JSON
  PRIMARY KEY (lane, iid),
  CONSTRAINT instance_status CHECK (status IN ('running', 'compensating', 'completed', 'compensated'))
) WITH (fillfactor = 50);

-- Lists, newest first (ids are time-ordered), and finding one saga of a tenant.
CREATE INDEX instance_list ON belay.instance (tenant, iid);
-- Old sagas that still run: what a restarted engine loads beside the young ones.
CREATE INDEX instance_lingering ON belay.instance (lane, iid) WHERE lingering;
-- What is undone or was.
CREATE INDEX instance_undoing ON belay.instance (tenant, iid) WHERE undoing;
-- Parked sagas whose time has come.
CREATE INDEX instance_due ON belay.instance (due_at) WHERE due_at IS NOT NULL;
-- What a person should look at.
CREATE INDEX instance_unwell ON belay.instance (tenant, health, iid) WHERE health <> 'ok';
-- "Where is the saga of booking 7?"
CREATE INDEX instance_key ON belay.instance (tenant, key, iid) WHERE key <> '';

CREATE TABLE belay.journal (
  lane    int NOT NULL,
  iid     uuid NOT NULL,
  seq     int NOT NULL,
  at      timestamptz NOT NULL,
  version smallint NOT NULL,
  kind    text NOT NULL,
  actor   text NOT NULL,
  body    text NOT NULL,                         -- JSON
  PRIMARY KEY (lane, iid, seq)
) PARTITION BY RANGE (iid);                      -- by month: an id begins with its time

CREATE TABLE belay.event (
  lane      int NOT NULL,
  eseq      bigint NOT NULL,                     -- microseconds * 1000 and a counter
  id        text NOT NULL,
  tenant    text NOT NULL,
  type      text NOT NULL,
  version   int NOT NULL,
  aggregate text NOT NULL DEFAULT '',
  key       text NOT NULL,
  at        timestamptz NOT NULL,
  claimed   boolean NOT NULL,
  payload   json NOT NULL,
  metadata  json NOT NULL,
  PRIMARY KEY (lane, eseq)
) PARTITION BY RANGE (eseq);
-- Events that a new wait may look back to.
CREATE INDEX event_topic ON belay.event (lane, tenant, type, key, eseq);
-- Lists, newest first.
CREATE INDEX event_list ON belay.event (tenant, eseq, lane);

CREATE TABLE belay.subscription (
  lane   int NOT NULL,
  tenant text NOT NULL,
  type   text NOT NULL,
  key    text NOT NULL,
  saga   uuid NOT NULL,
  path   text NOT NULL,
  since  timestamptz,
  PRIMARY KEY (lane, tenant, type, key, saga, path)
);

CREATE TABLE belay.mailbox (
  lane   int NOT NULL,                           -- the receiver
  sender int NOT NULL,
  number bigint NOT NULL,
  kind   text NOT NULL,
  body   json NOT NULL,
  PRIMARY KEY (lane, sender, number)
);

-- Live 400 days, whatever becomes of the saga's partition.
CREATE TABLE belay.start_key (
  lane   int NOT NULL,
  tenant text NOT NULL,
  key    text NOT NULL,
  saga   uuid NOT NULL,
  digest text NOT NULL,
  at     timestamptz NOT NULL,
  PRIMARY KEY (lane, tenant, key)
);

CREATE TABLE belay.dedup (
  lane   int NOT NULL,
  tenant text NOT NULL,
  scope  text NOT NULL,
  key    text NOT NULL,
  digest text NOT NULL,
  answer json NOT NULL,
  at     timestamptz NOT NULL,
  PRIMARY KEY (lane, tenant, scope, key)
);

-- Written by SQL actions in their own transaction: the row is the outcome, so a statement runs once.
CREATE TABLE belay.receipt (
  lane    int NOT NULL,
  tenant  text NOT NULL,
  key     text NOT NULL,                         -- the request key
  outcome json,                                  -- null only inside the transaction that runs the statement
  at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (lane, tenant, key)
);

CREATE TABLE belay.definition (
  hash     text PRIMARY KEY,
  workflow text NOT NULL,
  version  int NOT NULL,
  graph    bytea NOT NULL,
  at       timestamptz NOT NULL DEFAULT now(),
  UNIQUE (workflow, version)
);

CREATE TABLE belay.api_key (
  id         text PRIMARY KEY,
  sha256     text NOT NULL UNIQUE,
  tenant     text NOT NULL,
  role       text NOT NULL,
  name       text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  revoked_at timestamptz
);

CREATE TABLE belay.audit (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at     timestamptz NOT NULL DEFAULT now(),
  tenant text NOT NULL,
  actor  text NOT NULL,
  act    text NOT NULL,
  detail json NOT NULL
);

-- Microseconds since 1970 as timestamptz, 0 as null: how instants travel. A plain expression, so it is inlined.
CREATE FUNCTION belay.instant(us bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE
  RETURN to_timestamp(nullif(us, 0)::float8 / 1000000::float8);

-- And back, null as 0. Not IMMUTABLE, because extract() is not: else it would not be inlined.
CREATE FUNCTION belay.us(at timestamptz) RETURNS bigint LANGUAGE sql STABLE
  RETURN coalesce((extract(epoch FROM at) * 1000000)::bigint, 0);

-- Makes the monthly partitions from last month to `ahead` months from now, where they are missing. Locks the parent
-- tables only when there is something to make, and then briefly: no default partition has to be searched.
CREATE FUNCTION belay.make_partitions(ahead int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  made int := 0;
  month timestamptz;
  next_month timestamptz;
  suffix text;
BEGIN
  FOR i IN -1..ahead LOOP
    month := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => i)) AT TIME ZONE 'UTC';
    next_month := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => i + 1)) AT TIME ZONE 'UTC';
    suffix := to_char(month AT TIME ZONE 'UTC', 'YYYYMM');
    IF to_regclass('belay.journal_' || suffix) IS NULL THEN
      EXECUTE format('CREATE TABLE belay.%I PARTITION OF belay.journal FOR VALUES FROM (%L) TO (%L)',
                     'journal_' || suffix, belay.first_uuid(month), belay.first_uuid(next_month));
      made := made + 1;
    END IF;
    IF to_regclass('belay.event_' || suffix) IS NULL THEN
      EXECUTE format('CREATE TABLE belay.%I PARTITION OF belay.event FOR VALUES FROM (%s) TO (%s)',
                     'event_' || suffix, belay.us(month) * 1000, belay.us(next_month) * 1000);
      made := made + 1;
    END IF;
  END LOOP;
  RETURN made;
END $$;

-- The least uuid of version 7 of that time.
CREATE FUNCTION belay.first_uuid(at timestamptz) RETURNS uuid LANGUAGE sql STABLE
  RETURN (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid;

-- Moves a lane's mark to sagas that began `age` ago, and marks those that still run as lingering, so that finding what
-- runs never reads more than the last minutes. The lane's row is locked first: a flush that comes meanwhile waits, then
-- sees the new mark and marks its own rows by it (flush_hot, `f.mark`). Nothing older than the mark is ever missed.
CREATE FUNCTION belay.move_mark(of_lane int, age interval) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  new_mark uuid := belay.first_uuid(clock_timestamp() - age);
  old_mark uuid;
  marked int;
BEGIN
  SELECT mark INTO old_mark FROM belay.lane WHERE lane = of_lane FOR NO KEY UPDATE;
  IF old_mark IS NULL OR old_mark >= new_mark THEN RETURN 0; END IF;
  UPDATE belay.lane SET mark = new_mark WHERE lane = of_lane;
  UPDATE belay.instance SET lingering = true
   WHERE lane = of_lane AND iid >= old_mark AND iid < new_mark AND status IN ('running', 'compensating')
     AND NOT lingering;
  GET DIAGNOSTICS marked = ROW_COUNT;
  RETURN marked;
END $$;
