#!/usr/bin/env bash
# The server of docs/ops/retention.md: one that keeps 30 days, with an event that nobody takes. Then the page runs as a
# person would copy it, and the line that it promises has to stand in the log.
#   retention_world.sh PAGE
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
binaries=$(realpath "${BELAY_BINARIES:-build/release}")
page=$1
folder=$(mktemp -d /tmp/belay-retention-XXXXXX)
chmod 711 "$folder"  # the private Postgres of root runs as the user postgres
server=
done_with_it() {
  local code=$?
  trap - EXIT
  if [[ -n $server ]]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  if ((code != 0)); then tail -n 15 "$folder"/*.log 2>/dev/null | sed 's/^/    /' || true; fi
  rm -rf "$folder"
  exit "$code"
}
trap done_with_it EXIT

mkdir "$folder/definitions"
cat >"$folder/definitions/order.belay" <<'END'
belay 1

event order.paid, version 1, key order
  order  text

workflow order, version 1
  takes
    order  text
  gives
    done = "paid"
  wait paid "The customer pays"
    for order.paid, key order
    within 7 days, otherwise cancel because "Not paid"
END
tries=600
"$binaries/belay" serve "$folder/definitions" --data "$folder/data" --listen 127.0.0.1:0 --keep 30 \
  --once-ready-file "$folder/ready" >"$folder/serve.log" 2>&1 </dev/null &
server=$!
until [[ -s $folder/ready ]] && curl -s "$(cat "$folder/ready")/readyz" >/dev/null; do
  kill -0 "$server" 2>/dev/null && ((--tries > 0)) || { echo "the server does not get ready"; exit 1; }
  sleep 0.1
done
BELAY_SERVER=$(cat "$folder/ready")
export BELAY_SERVER
"$binaries/belay" publish order.paid --key nobody --payload '{"order":"nobody"}' >/dev/null

BELAY_BINARIES=$binaries tests/docs/page.sh "$page"
for ((tries = 300; tries > 0; --tries)); do
  if grep -q 'retention: cutoff .*Z: nothing had to go$' "$folder/serve.log"; then break; fi
  sleep 0.1
done
((tries > 0)) || { echo "$page: the log has no line of what went"; exit 1; }
