-- Times of lanes. Expands only: a program of the schema before may run beside.

-- The latest time of what was written in this lane. The database's clock may be set back: what comes after it, in whichever
-- lane and on whichever node, must not seem to have come before it. So each node's clock starts from the latest of all
-- lanes, and an event is given no earlier time than what was committed before it.
ALTER TABLE belay.lane ADD COLUMN last_us bigint NOT NULL DEFAULT 0;  -- since 1970, microseconds

-- A lane whose time lies further ahead than this was written while the database's clock was badly wrong. It is left out of
-- account: else time would stand still for as long.
CREATE FUNCTION belay.set_back_us() RETURNS bigint IMMUTABLE LANGUAGE sql RETURN 3600000000;

-- By how much an event's time may be later than its number says. The clocks of two nodes may be that far apart, shortly
-- after the database's was set back: as long as a node may sleep and still hold its lanes, and some more.
CREATE FUNCTION belay.raised_us() RETURNS bigint IMMUTABLE LANGUAGE sql RETURN 60000000;
