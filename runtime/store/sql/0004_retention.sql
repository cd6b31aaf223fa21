-- Months of journals and events: made by attaching, so that nobody waits, and taken away in two steps (retention.h has
-- the order and its reasons). Expands only: a program of the schema before may run beside.

-- A month as the names of partitions say it: "202611".
CREATE FUNCTION belay.month_named(suffix text) RETURNS timestamptz LANGUAGE sql STABLE
  RETURN make_timestamptz(substr(suffix, 1, 4)::int, substr(suffix, 5, 2)::int, 1, 0, 0, 0, 'UTC');

CREATE FUNCTION belay.month_after(month timestamptz) RETURNS timestamptz LANGUAGE sql STABLE
  RETURN (date_trunc('month', month AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';

-- The time in a uuid of version 7.
CREATE FUNCTION belay.time_of(id uuid) RETURNS timestamptz LANGUAGE sql STABLE
  RETURN to_timestamp((('x0000' || left(replace(id::text, '-', ''), 12))::bit(64)::bigint)::float8 / 1000::float8);

-- The partitions of the month that holds `at`, where they are missing. A table of its own is made and then attached:
-- SHARE UPDATE EXCLUSIVE on the parent, which neither flushes nor reads conflict with. (CREATE … PARTITION OF takes
-- ACCESS EXCLUSIVE: behind a long read it would hold up every flush.) One at a time, so that two nodes do not collide.
CREATE FUNCTION belay.make_month(at timestamptz) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  made int := 0;
  month timestamptz := date_trunc('month', at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
  next_month timestamptz := belay.month_after(at);
  suffix text := to_char(month AT TIME ZONE 'UTC', 'YYYYMM');
BEGIN
  IF to_regclass('belay.journal_' || suffix) IS NOT NULL AND to_regclass('belay.event_' || suffix) IS NOT NULL THEN
    RETURN 0;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('belay partitions'));
  IF to_regclass('belay.journal_' || suffix) IS NULL THEN
    EXECUTE format('CREATE TABLE belay.%I (LIKE belay.journal INCLUDING ALL)', 'journal_' || suffix);
    EXECUTE format('ALTER TABLE belay.journal ATTACH PARTITION belay.%I FOR VALUES FROM (%L) TO (%L)',
                   'journal_' || suffix, belay.first_uuid(month), belay.first_uuid(next_month));
    made := made + 1;
  END IF;
  IF to_regclass('belay.event_' || suffix) IS NULL THEN
    EXECUTE format('CREATE TABLE belay.%I (LIKE belay.event INCLUDING ALL)', 'event_' || suffix);
    EXECUTE format('ALTER TABLE belay.event ATTACH PARTITION belay.%I FOR VALUES FROM (%s) TO (%s)',
                   'event_' || suffix, belay.us(month) * 1000, belay.us(next_month) * 1000);
    made := made + 1;
  END IF;
  RETURN made;
END $$;

-- This month and `ahead` more; and last month, but only in a new database: later it may be gone for good.
CREATE OR REPLACE FUNCTION belay.make_partitions(ahead int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  made int := 0;
  this_month text := 'belay.journal_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMM');
BEGIN
  FOR i IN (CASE WHEN to_regclass(this_month) IS NULL THEN -1 ELSE 0 END)..ahead LOOP
    made := made + belay.make_month(
      (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => i)) AT TIME ZONE 'UTC');
  END LOOP;
  RETURN made;
END $$;

-- The months that rows are in, whatever the clock says: of sagas by their ids, of events by their numbers.
CREATE FUNCTION belay.make_months(sagas uuid[], eseqs bigint[]) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  made int := 0;
  month timestamptz;
BEGIN
  FOR month IN
    SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
      FROM (SELECT belay.time_of(id) FROM unnest(sagas) AS s (id)
            UNION ALL SELECT belay.instant(eseq / 1000) FROM unnest(eseqs) AS e (eseq)) AS times (at)
  LOOP
    made := made + belay.make_month(month);
  END LOOP;
  RETURN made;
END $$;

-- Whether an instance row of that month is left: one probe of the primary key a lane.
CREATE FUNCTION belay.month_has_sagas(month timestamptz) RETURNS boolean LANGUAGE sql STABLE
  RETURN EXISTS (SELECT FROM belay.lane AS l
                  WHERE EXISTS (SELECT FROM belay.instance AS i
                                 WHERE i.lane = l.lane AND i.iid >= belay.first_uuid(month)
                                   AND i.iid < belay.first_uuid(belay.month_after(month))));

-- Takes a month out of its table, where it is then seen by nobody, as belay.gone_<name>. False: a journal's month of
-- which a saga is left. ACCESS EXCLUSIVE on the parent, which every flush would wait behind: it is waited for `wait_ms`
-- at most (55P03 then: again later) and held for a look at 32 index pages and the change of a few rows of the catalog.
CREATE FUNCTION belay.detach_month(of_table text, suffix text, wait_ms int) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  month timestamptz := belay.month_named(suffix);
  name text := of_table || '_' || suffix;
BEGIN
  IF of_table NOT IN ('journal', 'event') OR belay.month_after(month) > now() - interval '1 day' THEN
    RAISE EXCEPTION 'the month % of % is none to take away', suffix, of_table;
  END IF;
  IF of_table = 'journal' AND belay.month_has_sagas(month) THEN RETURN false; END IF;
  PERFORM set_config('lock_timeout', wait_ms || 'ms', true);
  EXECUTE format('LOCK TABLE ONLY belay.%I IN ACCESS EXCLUSIVE MODE', of_table);
  IF of_table = 'journal' AND belay.month_has_sagas(month) THEN RETURN false; END IF;
  EXECUTE format('ALTER TABLE belay.%I DETACH PARTITION belay.%I', of_table, name);
  EXECUTE format('ALTER TABLE belay.%I RENAME TO %I', name, 'gone_' || name);
  RETURN true;
END $$;

-- Drops a month that was taken out. Of events, what nobody took is written into the audit first, by tenant and type, in
-- the same transaction: told once, and never dropped untold. Locks nothing that anybody else uses.
CREATE FUNCTION belay.drop_month(name text, OUT bytes bigint, OUT events bigint, OUT unclaimed bigint, OUT types text)
LANGUAGE plpgsql AS $$
BEGIN
  IF name !~ '^gone_(journal|event)_[0-9]{6}$' THEN RAISE EXCEPTION '% is no month that was taken out', name; END IF;
  bytes := pg_total_relation_size(format('belay.%I', name)::regclass);
  events := 0;
  unclaimed := 0;
  types := '';
  IF name LIKE 'gone_event_%' THEN
    EXECUTE format(
      'WITH kinds AS (
         SELECT tenant, type, count(*) AS many, count(*) FILTER (WHERE NOT claimed) AS untaken
           FROM belay.%I GROUP BY tenant, type
       ), told AS (
         INSERT INTO belay.audit (tenant, actor, act, detail)
         SELECT tenant, ''engine'', ''events.dropped_unclaimed'',
                json_build_object(''month'', %L, ''type'', type, ''count'', untaken)
           FROM kinds WHERE untaken > 0
       )
       SELECT coalesce(sum(many), 0), coalesce(sum(untaken), 0),
              coalesce(string_agg(untaken || '' of '' || type || '' ('' || tenant || '')'', '', '' ORDER BY tenant, type)
                         FILTER (WHERE untaken > 0), '''')
         FROM kinds', name, right(name, 6)) INTO events, unclaimed, types;
  END IF;
  EXECUTE format('DROP TABLE belay.%I', name);
END $$;
