-- Claiming is one compare-and-set over all rows: all lanes or none. A lane is free when nobody owns it, when we do, when
-- its lease has run out, or when its owner's process is known to be dead ($3, out of lane_owners). 32 row locks.
-- name: claim_lanes
UPDATE belay.lane
   SET owner = $1::text, process = $2::text, epoch = epoch + 1, crashes = crashes + 1,
       lease_until = clock_timestamp() + $4::bigint * interval '1 millisecond'
 WHERE (owner IN ('', $1::text) OR lease_until <= clock_timestamp() OR process = ANY ($3::text[]))
   AND NOT EXISTS (SELECT FROM belay.lane AS held
                    WHERE held.owner NOT IN ('', $1::text) AND held.lease_until > clock_timestamp()
                      AND NOT held.process = ANY ($3::text[]))
RETURNING lane, epoch, head, crashes - 1;

-- Who holds lanes now, and until when. Reads 32 rows.
-- name: lane_owners
SELECT owner, process, max(belay.us(lease_until)), count(*)::int FROM belay.lane
 WHERE owner <> '' AND lease_until > clock_timestamp() GROUP BY owner, process;

-- A clean end: nothing was under way. Only lanes that are still ours.
-- name: release_lanes
UPDATE belay.lane SET owner = '', process = '', crashes = 0, lease_until = '-infinity'
 WHERE owner = $1::text AND process = $2::text;

-- The owner has taken everything up and lived on: crashes before it are forgotten. Its own claim stays counted, as
-- every claim is until it is released. At most 32 row locks, on the writer's connection: never beside a flush.
-- name: forgive_crashes
UPDATE belay.lane SET crashes = 1 WHERE owner = $1::text AND process = $2::text AND crashes > 1;

-- Where the fences stand, after a connection was lost over a flush. Reads by primary key.
-- name: fences
SELECT lane, epoch, head FROM belay.lane WHERE lane = ANY ($1::int[]);

-- name: database_now
SELECT belay.us(clock_timestamp());
