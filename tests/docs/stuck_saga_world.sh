#!/usr/bin/env bash
# The night of docs/ops/stuck-saga.md: the provider, a Belay with its private Postgres, and a booking whose refund the
# provider refuses (scene 5 of the demo, whose helpers these are). Then the page runs as a person would copy it, and what
# it promises is checked: the saga is undone to the end, and the money is back.
#   stuck_saga_world.sh PAGE
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
fast=true
source examples/demo/tell.sh
source examples/demo/servers.sh
source examples/demo/booking.sh
binaries=${BELAY_BINARIES:-build/release}
page=$1

log=$(mktemp)
exec 3>&1
done_with_it() {
  local code=$?
  trap - EXIT
  # Ended first, told afterwards: who reads this may be gone, and nothing may stay behind.
  cp "$folder/belay.log" "$log.belay" 2>/dev/null || true
  stop_everything >>"$log" 2>&1 || true
  exec 1>&3  # it may end inside a function whose output goes to the log
  if ((code != 0)); then
    sed 's/^/    /' "$log" || true
    tail -n 15 "$log.belay" | sed 's/^/    /' || true
  fi
  rm -f "$log" "$log.belay"
  exit "$code"
}
trap done_with_it EXIT

stick() {
  start_everything
  new_room
  book 6400
  wait_saga "the customer is asked to pay" '[.steps[] | select(.path == "paid")][0].phase == "waiting"'
  sql "UPDATE booking.slot SET state = 'expired' WHERE booking = '$booking'" >/dev/null
  # Twice no: to the engine, and to the first of the two retries of the page. Then the bank is back.
  faults '[{"match": "POST /v1/refunds", "action": "decline", "times": 2}]'
  pay
  wait_saga "the saga is held" '.health == "undo_failed"'
}
stick >"$log" 2>&1

# Between two blocks a person has read the answer: what was sent has come back.
settled='[.steps[].calls[]? | select(.phase == "in_flight")] == []'
between="for try in {1..300}; do
  if [[ \$(curl -s $belay/v1/sagas/$saga | jq '$settled') == true ]]; then exit 0; fi
  sleep 0.1
done
echo 'a call does not come back'; exit 1"
BELAY_SERVER=$belay BELAY_DOCS_BETWEEN=$between tests/docs/page.sh "$page"

promised() {
  until_true 20 is '.status == "compensated"' || true
  expect "The saga" "$(field .status)" compensated
  expect "Left over" "$(field '.left_over | length')" 0
  expect "Retries by a person" "$(api GET "/v1/sagas/$saga/history" | jq '[.entries[] | select(.reason == "the bank is back")] | length')" 2
  expect "Refunds" "$(books refunds)" 1
  expect "Taken and not given back, in cents" "$(($(books captured) - $(books refunded)))" 0
}
(promised) >>"$log" 2>&1 || { echo "$page: what the page promises did not come true:"; exit 1; }
