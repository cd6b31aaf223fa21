-- The guard rails: settings that would let an answered commit disappear.
-- name: guard
SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('server_version_num')::int,
       current_setting('full_page_writes');

-- A commit that has something to write, and so waits until all that was committed before it is on the disk.
-- name: commit_for_good
SELECT pg_logical_emit_message(true, 'belay', '');

-- Nothing but the table's own row; reads no index.
-- name: schema_exists
SELECT to_regclass('belay.migration') IS NOT NULL;

-- name: schema_version
SELECT coalesce(max(number), 0) FROM belay.migration;

-- name: make_partitions
SELECT belay.make_partitions($1::int);

-- The months of these sagas and events, when a flush found one missing.
-- name: make_months
SELECT belay.make_months($1::uuid[], $2::bigint[]);
