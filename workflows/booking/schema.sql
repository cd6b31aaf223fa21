-- The booking tables that the SQL actions of slots.belay work on. They belong to the business, not to the engine:
-- apply them once to the database that `belay serve` uses. Applying them again changes nothing.
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE SCHEMA IF NOT EXISTS booking;

CREATE TABLE IF NOT EXISTS booking.resource (
  id    uuid PRIMARY KEY,
  name  text NOT NULL
);

-- A resource for a time: held until expires_at, or booked. Two of these for overlapping times cannot stand together,
-- whoever writes them: that is what makes a double booking impossible rather than unlikely.
CREATE TABLE IF NOT EXISTS booking.slot (
  id          uuid PRIMARY KEY,
  resource    uuid NOT NULL REFERENCES booking.resource (id),
  booking     uuid NOT NULL,
  during      tstzrange NOT NULL CHECK (NOT isempty(during)),
  state       text NOT NULL CHECK (state IN ('held', 'booked', 'released', 'expired')),
  expires_at  timestamptz CHECK (state <> 'held' OR expires_at IS NOT NULL),
  CONSTRAINT one_holder_a_slot EXCLUDE USING gist (resource WITH =, during WITH &&)
    WHERE (state IN ('held', 'booked'))
);
CREATE INDEX IF NOT EXISTS slot_by_booking ON booking.slot (booking);

CREATE TABLE IF NOT EXISTS booking.booking (
  id            uuid PRIMARY KEY,
  customer      uuid NOT NULL,
  price_minor   bigint NOT NULL CHECK (price_minor >= 0),
  currency      char(3) NOT NULL,
  status        text NOT NULL CHECK (status IN ('draft', 'pending', 'confirmed', 'completed', 'cancelled', 'expired', 'no_show')),
  version       int NOT NULL DEFAULT 1,
  confirmed_at  timestamptz NOT NULL DEFAULT now()
);
