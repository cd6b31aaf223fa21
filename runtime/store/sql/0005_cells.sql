-- Cells: lanes spread over several databases (cells.h). Expands only: a program of the schema before may run beside.

-- Which part of a deployment this database is. No row: it is a whole of its own.
CREATE TABLE belay.cell (
  one        boolean PRIMARY KEY DEFAULT true CHECK (one),
  number     int NOT NULL,
  of         int NOT NULL,
  deployment uuid NOT NULL,                      -- the same in all of its cells
  since      timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK (of > 1 AND number >= 0 AND number < of)
);

-- Mail of other cells that came in. It outlives the message: who carries it a second time must not bring it back.
CREATE TABLE belay.mail_seen (
  lane   int NOT NULL,                           -- the receiver
  sender int NOT NULL,
  number bigint NOT NULL,
  at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (lane, sender, number)
);
CREATE INDEX mail_seen_at ON belay.mail_seen (at);
