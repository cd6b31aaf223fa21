#!/usr/bin/env bash
# The server of docs/ops/migrating.md: a saga started under version 1 of the page's workflow waits for its payment, then the
# server is started anew with version 2. Then the page runs as a person would copy it, and what it promises is checked:
# the saga goes by version 2, and ends as that says.
#   migrating_world.sh PAGE
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
binaries=$(realpath "${BELAY_BINARIES:-build/release}")
page=$1
folder=$(mktemp -d /tmp/belay-migrating-XXXXXX)
chmod 711 "$folder"  # the private Postgres of root runs as the user postgres
server=
stop() {
  [[ -n $server ]] || return 0
  kill "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  server=
}
done_with_it() {
  local code=$?
  trap - EXIT
  stop
  if ((code != 0)); then tail -n 15 "$folder"/*.log 2>/dev/null | sed 's/^/    /' || true; fi
  rm -rf "$folder"
  exit "$code"
}
trap done_with_it EXIT

# serve VERSION: until it is ready; its address goes to BELAY_SERVER.
serve() {
  local ready=$folder/ready.$1 tries=600
  "$binaries/belay" serve "$folder/$1" --data "$folder/data" --listen 127.0.0.1:0 --once-ready-file "$ready" \
    >"$folder/$1.log" 2>&1 </dev/null &
  server=$!
  until [[ -s $ready ]] && curl -s "$(cat "$ready")/readyz" >/dev/null; do
    kill -0 "$server" 2>/dev/null && ((--tries > 0)) || { echo "the server does not get ready"; exit 1; }
    sleep 0.1
  done
  BELAY_SERVER=$(cat "$ready")
  export BELAY_SERVER
}

# The page's own first block makes both versions.
(cd "$folder" && awk '/^```sh$/ { open = 1; next } /^```$/ { if (open) exit } open' "$OLDPWD/$page" | grep -v '^belay diff' | bash -eu)
serve v1
saga=$("$binaries/belay" start order --input '{"order": "o1"}')
until "$binaries/belay" show "$saga" --json | jq -e '.waiting_on | startswith("event order.paid")' >/dev/null; do sleep 0.1; done
stop
serve v2
tests/docs/page.sh "$page"
"$binaries/belay" show "$saga" --json | jq -e '.workflow_version == 2' >/dev/null || { echo "$page: the saga was not moved"; exit 1; }
"$binaries/belay" publish order.paid --key o1 --payload '{"order": "o1"}' >/dev/null
for ((tries = 100; tries > 0; --tries)); do
  "$binaries/belay" show "$saga" --json | jq -e '.status == "completed"' >/dev/null && break
  sleep 0.1
done
"$binaries/belay" show "$saga" --json | jq -e '.output.done == "paid, thank you"' >/dev/null || { echo "$page: it ended otherwise"; exit 1; }
