-- Claiming is a compare-and-set on each lane's row. A lane is free when nobody owns it, when its lease has run out, when
-- its owner's process is known to be dead ($3, out of lane_owners), or, for a node that comes back ($7), when it is held
-- under our own name. At most $6 of the wanted ($5), in that order; who comes second finds the owner changed. So many row
-- locks.
-- name: claim_lanes
UPDATE belay.lane
   SET owner = $1::text, process = $2::text, epoch = epoch + 1, crashes = crashes + 1,
       lease_until = clock_timestamp() + $4::bigint * interval '1 millisecond'
 WHERE lane IN (SELECT free.lane FROM belay.lane AS free
                 WHERE free.lane = ANY ($5::int[])
                   AND (free.owner = '' OR free.lease_until <= clock_timestamp() OR free.process = ANY ($3::text[])
                        OR ($7::boolean AND free.owner = $1::text))
                 ORDER BY array_position($5::int[], free.lane) LIMIT $6::bigint)
   AND (owner = '' OR lease_until <= clock_timestamp() OR process = ANY ($3::text[])
        OR ($7::boolean AND owner = $1::text))
RETURNING lane, epoch, head, crashes - 1,
          CASE WHEN last_us < belay.us(clock_timestamp()) + belay.set_back_us() THEN last_us ELSE 0 END;

-- Whose processes hold lanes now. Reads 32 rows.
-- name: lane_owners
SELECT DISTINCT process FROM belay.lane WHERE owner <> '' AND lease_until > clock_timestamp();

-- One node's sign of life, and what it asks for with it: all lanes, and who else is there. Writes its own row (primary
-- key) and those that ended an hour ago; reads 32 rows and a few.
-- name: beat
WITH me AS (
  INSERT INTO belay.node (name, address, process, lease_until, format)
  VALUES ($1::text, $2::text, $3::text, clock_timestamp() + $4::bigint * interval '1 millisecond', $5::int)
  ON CONFLICT (name) DO UPDATE
     SET address = excluded.address, process = excluded.process, lease_until = excluded.lease_until,
         format = excluded.format
), gone AS (
  DELETE FROM belay.node WHERE name <> $1::text AND lease_until < clock_timestamp() - interval '1 hour'
)
SELECT lane, owner, process, epoch, owner = '' OR lease_until <= clock_timestamp(), '', 0::bigint,
       belay.us(clock_timestamp()),
       CASE WHEN last_us < belay.us(clock_timestamp()) + belay.set_back_us() THEN last_us ELSE 0 END
  FROM belay.lane
UNION ALL
SELECT -1, name, process, format, false, address,
       (extract(epoch FROM lease_until - clock_timestamp()) * 1000)::bigint, 0, 0
  FROM belay.node WHERE name <> $1::text AND lease_until > clock_timestamp()
 ORDER BY 1, 2;

-- A clean end: nothing was under way, and our own claim was no crash. Those before it that are not forgiven stay counted.
-- Only lanes that are still ours.
-- name: release_lanes
UPDATE belay.lane SET owner = '', process = '', crashes = greatest(crashes - 1, 0), lease_until = '-infinity'
 WHERE owner = $1::text AND process = $2::text;

-- The same of single lanes, as we have claimed them.
-- name: release_some
UPDATE belay.lane SET owner = '', process = '', crashes = greatest(crashes - 1, 0), lease_until = '-infinity'
 WHERE lane = ANY ($2::int[]) AND owner = $1::text
   AND epoch = ($3::bigint[])[array_position($2::int[], lane)];

-- The owner has taken everything up and lived on: crashes before it are forgotten. Its own claim stays counted, as
-- every claim is until it is released. At most 32 row locks, on the writer's connection: never beside a flush.
-- name: forgive_crashes
UPDATE belay.lane SET crashes = 1
 WHERE owner = $1::text AND process = $2::text AND crashes > 1 AND lane = ANY ($3::int[]);

-- Where the fences stand, after a connection was lost over a flush. Reads by primary key.
-- name: fences
SELECT lane, epoch, head FROM belay.lane WHERE lane = ANY ($1::int[]);

-- name: database_now
SELECT belay.us(clock_timestamp());
