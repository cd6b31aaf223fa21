# What the demo runs: the payment provider (with mail and calendar) and `belay serve` with its private Postgres. All on
# loopback, on ports that were free, with data in one temporary folder. Only what was started here is ever stopped.

binaries=build/release
folder='' provider_pid='' belay_pid='' provider='' belay='' listen=127.0.0.1:0

build() {
  heading "Building"
  cmake --preset release >/dev/null
  cmake --build --preset release --target belay provider_sim plugin | tail -n 1
}

start_everything() {
  heading "Starting a payment provider and Belay"
  folder=$(mktemp -d /tmp/belay-demo-XXXXXX)
  chmod 711 "$folder"  # the private Postgres of root runs as the user postgres
  start_provider
  say "The payment provider is somebody else's: its own process, its own books, at $provider."
  start_belay
  control POST webhooks "{\"url\": \"$belay/hooks/stripe\", \"secret\": \"whsec_demo\"}" >/dev/null
  say "Belay runs the workflows of workflows/ at $belay and keeps every step in Postgres."
  database -f workflows/booking/schema.sql >/dev/null
  ok "The booking tables are there; two overlapping bookings of a room are impossible in the database itself."
}

start_provider() {
  setsid "$binaries/provider_sim" --listen 127.0.0.1:0 --ledger "$folder/ledger.jsonl" \
    >"$folder/provider.log" 2>&1 </dev/null &
  provider_pid=$!
  until_true 20 grep -q '^listening on ' "$folder/provider.log" || off "the provider does not start: $(cat "$folder/provider.log")"
  provider=http://$(sed -n 's/^listening on //p' "$folder/provider.log")
}

# Again after a kill: the same address, the same data.
start_belay() {
  rm -f "$folder/ready"
  STRIPE_URL=$provider MAIL_URL=$provider CALENDAR_URL=$provider \
  BELAY_SECRET_STRIPE_KEY=sk_test_demo BELAY_SECRET_STRIPE_WHSEC=whsec_demo BELAY_SECRET_STRIPE_WHSEC_OLD=whsec_old \
  BELAY_SECRET_MAIL_KEY=mail_demo BELAY_SECRET_CALENDAR_KEY=calendar_demo \
    setsid "$binaries/belay" serve workflows --listen "$listen" --data "$folder/belay" \
      --once-ready-file "$folder/ready" >>"$folder/belay.log" 2>&1 </dev/null &
  belay_pid=$!
  disown "$belay_pid"
  until_true 60 test -s "$folder/ready" || off "belay serve does not start: $(tail -n 20 "$folder/belay.log")"
  belay=$(cat "$folder/ready")
  [[ $belay == http* ]] || belay=http://$belay
  listen=${belay#http://}
  until_true 30 curl -sf "$belay/readyz" || off "belay serve does not become ready: $(tail -n 20 "$folder/belay.log")"
}

kill_belay() {
  kill -9 "$belay_pid"
  until_true 10 test ! -d "/proc/$belay_pid" || off "the engine survived kill -9"
}

postgres_home() {
  local home=$folder/belay/postgres
  if [[ -f $home/location ]]; then home=$(head -n 1 "$home/location"); fi
  echo "$home"
}

# psql on the private Postgres, found by what Postgres itself wrote down.
database() {
  local socket; socket=$(sed -n 5p "$(postgres_home)/data/postmaster.pid")
  psql -h "$socket" -p 5432 -U belay -d belay -X -q -v ON_ERROR_STOP=1 "$@" 2>&1
}
sql() { database -A -t -c "$1"; }

stop_everything() {
  local home postmaster
  if [[ -n $belay_pid ]]; then
    kill "$belay_pid" 2>/dev/null || true
    until_true 30 test ! -d "/proc/$belay_pid" || kill -9 "$belay_pid" 2>/dev/null || true
  fi
  if [[ -n $provider_pid ]]; then kill "$provider_pid" 2>/dev/null || true; fi
  # The private Postgres outlives a killed engine: stop the one of our own folder, if it is still there.
  home=$(postgres_home)
  postmaster=$(head -n 1 "$home/data/postmaster.pid" 2>/dev/null || true)
  if [[ -n $postmaster && $(readlink "/proc/$postmaster/cwd" 2>/dev/null) == "$home/data" ]]; then
    kill -INT "$postmaster" 2>/dev/null || true
    until_true 30 test ! -d "/proc/$postmaster" || true
  fi
  if [[ $home == /var/tmp/belay-postgres-* ]]; then rm -rf "$home"; fi
  rm -rf "$folder"
}

# The end, whatever it is.
finish() {
  local code=$1
  trap - EXIT
  [[ -n $folder ]] || exit "$code"
  if ((code != 0 && code != 130)); then
    printf '\nThe engine said last:\n' >&2
    tail -n 15 "$folder/belay.log" >&2 || true
  fi
  if [[ $stay == true && $code == 0 ]]; then still_up; else stop_everything; fi
  exit "$code"
}

still_up() {
  heading "Still up"
  cat <<TEXT
  Belay     $belay      (log $folder/belay.log, process $belay_pid)
  provider  $provider      (log $folder/provider.log, process $provider_pid)

  See what there is:
    curl -s $belay/v1/sagas | jq
    curl -s $belay/v1/sagas/$last_saga | jq '{status, health, left_over, allowed_actions}'
    curl -s $belay/v1/sagas/$last_saga/history | jq -r '.entries[].text'
    curl -s '$belay/v1/sagas/$last_saga/graph?format=mermaid'
    curl -s $belay/v1/openapi.json | jq .info
    curl -s $provider/_control/ledger | jq
    $binaries/belay list --server $belay

  Break something, then start a booking (examples/demo/booking.sh shows how):
    curl -s $provider/_control/faults -H 'Content-Type: application/json' \\
      -d '[{"match": "POST /v1/payment_intents/*/capture", "action": "timeout_after", "hold_ms": 3000, "times": 1}]'

  Stop it (its Postgres stops with it): kill $belay_pid $provider_pid; sleep 3; rm -rf $folder
TEXT
}
