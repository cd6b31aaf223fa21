# The scenes. Each says what is about to happen and why it matters, lets it happen, shows what was noted, and checks it.

scene_happy_path() {
  heading "Scene 1: Anna books a room"
  say "The room is held for her, she pays, the money is taken, the booking stands, she gets her mail."
  new_room
  book 4990
  pay
  wait_ended
  timeline
  expect "The booking saga" "$(field .status)" completed
  expect "Bookings in the booking table" "$(booked)" 1
  expect "Taken from her card, in cents" "$(books captured)" 4990
  expect "Mails sent" "$(books messages)" 1
}

scene_card_declined() {
  heading "Scene 2: Ben's card is declined"
  say "The room is held and the payment authorised when the bank says no. Nothing of it may stay: no hold that keeps"
  say "the room from others, no authorisation that blocks his money for days."
  new_room
  book 7500
  faults "[{\"match\": \"POST /v1/payment_intents/*/capture\", \"metadata_booking\": \"$booking\", \"action\": \"decline\"}]"
  pay
  wait_ended
  timeline
  expect "The booking saga" "$(field .status)" compensated
  expect "Because" "$(field .because)" "Card declined"
  expect "Left over" "$(field '.left_over | length')" 0
  expect "Taken from his card, in cents" "$(books captured)" 0
  expect "Authorisations given back" "$(books voids)" 1
  expect "Rooms still held for him" "$(slots)" 0
  no_faults
}

scene_webhooks() {
  heading "Scene 3: The provider's messages come too early, and three times"
  say "Clara pays so quickly that \"paid\" arrives before the provider has even answered our first request; and every"
  say "message is delivered three times. Early ones must be kept, repeated ones must change nothing."
  new_room
  control POST customer '{"auto_pay": true}' >/dev/null
  control POST webhooks '{"before_response": true, "duplicate": 2}' >/dev/null
  book 12000
  wait_ended
  timeline
  until_true 30 all_delivered || off "the provider's messages were not all taken"
  expect "The booking saga" "$(field .status)" completed
  expect "Captures" "$(books captures)" 1
  expect "Taken from her card, in cents" "$(books captured)" 12000
  expect "\"Paid\" was kept before the saga waited for it" "$(came_early)" true
  expect "Events kept of 3 deliveries of \"authorised\"" \
    "$(api GET "/v1/events?type=payment.authorised&key=$booking" | jq '.events | length')" 1
  control POST customer '{"auto_pay": false}' >/dev/null
  control POST webhooks '{"before_response": false, "duplicate": 0}' >/dev/null
}
# Whether the event is older than the entry of the history that begins to wait for it.
came_early() {
  local event waiting
  event=$(api GET "/v1/events?type=payment.authorised&key=$booking" | jq -r '.events[0].at')
  waiting=$(api GET "/v1/sagas/$saga/history" | jq -r '[.entries[] | select([.follows[]? | startswith("wait for")] | any)][0].at')
  [[ -n $event && -n $waiting && $event < $waiting ]] && echo true || echo "false ($event, $waiting)"
}
all_delivered() { [[ $(control GET ledger | jq .events.pending) == 0 ]]; }

scene_kill() {
  heading "Scene 4: The engine is killed while Dora's money is being taken"
  say "The provider takes the money, but its answer never comes back. At this moment the engine is killed with kill -9."
  say "Ask again, and she might pay twice; do not ask, and she might have paid for nothing. The request key decides."
  new_room
  book 8800
  faults "[{\"match\": \"POST /v1/payment_intents/*/capture\", \"metadata_booking\": \"$booking\",
            \"action\": \"timeout_after\", \"hold_ms\": 60000, \"times\": 1}]"
  pay
  until_true 30 capture_arrived || off "the capture did not reach the provider"
  quiet "    The provider has the capture, and the money: $(provider_requests /capture | jq -c '.[0] | {path, key, status}')"
  expect "The engine still waits for the answer: capture is" "$(field '.steps[] | select(.path == "capture").phase')" in_flight
  command_line "kill -9 $belay_pid"
  kill_belay
  ok "The engine is gone. Its Postgres and its promises are not."
  start_belay
  wait_ended
  timeline
  expect "The booking saga" "$(field .status)" completed
  expect "Times that the capture was asked for" "$(provider_requests /capture | jq length)" 2
  expect "Request keys used for it" "$(provider_requests /capture | jq '[.[].key] | unique | length')" 1
  expect "Times that money was taken" "$(books captures)" 1
  expect "Taken from her card, in cents" "$(books captured)" 8800
  no_faults
}
capture_arrived() { [[ $(provider_requests /capture | jq length) == 1 && $(books captures) == 1 ]]; }

scene_refund() {
  heading "Scene 5: A refund that keeps failing"
  say "Emil pays after his hold has run out. The money is taken, the room is gone, so the money must go back. But the"
  say "provider refuses the refund, again and again. Belay does not shrug: it keeps the saga and calls a person."
  new_room
  book 6400
  wait_saga "Emil is asked to pay" '[.steps[] | select(.path == "paid")][0].phase == "waiting"'
  sql "UPDATE booking.slot SET state = 'expired' WHERE booking = '$booking'" >/dev/null
  faults '[{"match": "POST /v1/refunds", "action": "decline"}]'
  pay
  wait_saga "the saga is held" '.health == "undo_failed"'
  timeline
  expect "The saga is" "$(field '.status + ", " + .health')" "compensating, undo_failed"
  expect "Taken and not given back, in cents" "$(($(books captured) - $(books refunded)))" 6400

  say
  say "It is three in the morning. Ops asks what is left over, and what may be done about it:"
  command_line "curl -s $belay/v1/sagas/$saga | jq '{status, health, waiting_on, because, left_over, allowed_actions}'"
  get_saga | jq '{status, health, waiting_on, because, left_over, allowed_actions: [.allowed_actions[] | {act, path, href}]}' | indent
  local retry; retry=$(field '.allowed_actions[] | select(.act == "retry" and .path == "capture").href')
  [[ -n $retry ]] || off "the refund cannot be tried again"

  say "Before touching anything: what would trying again do? A dry run changes nothing."
  local dry=$retry; [[ $dry == *\?* ]] && dry+="&dry_run=true" || dry+="?dry_run=true"
  command_line "curl -s '$belay$dry' -H 'Content-Type: application/json' -d '{\"reason\": \"looking\"}' | jq .preview"
  local preview; preview=$(api POST "$dry" -d '{"reason": "looking"}')
  jq '.preview // .' <<<"$preview" | indent
  expect "Trying again is allowed" "$(jq -r .preview.allowed <<<"$preview")" true

  say "An act without saying which state it is meant for is refused:"
  expect "HTTP status without If-Match" "$(api POST "$retry" -d '{"reason": "now"}' -o /dev/null -w '%{http_code}')" 428

  say "Ops tries the refund again, on the state that was shown, with a reason. The provider refuses once more:"
  try_refund "$retry" ticket-4711-a "maybe it works now, ticket 4711"
  wait_saga "the saga is held again" '.health == "undo_failed" and .waiting_on != ""'
  expect "The saga is" "$(field '.status + ", " + .health')" "compensating, undo_failed"
  expect "Refunds" "$(books refunds)" 0

  say "Now the provider is mended (somebody put money on the account), and ops says so:"
  no_faults
  try_refund "$retry" ticket-4711-b "account funded again, ticket 4711"
  wait_ended
  expect "The same request once more is known to be a repetition" "$("${act[@]}" | jq -r .repeated)" true
  timeline
  expect "The booking saga" "$(field .status)" compensated
  expect "Left over" "$(field '.left_over | length')" 0
  expect "Refunds" "$(books refunds)" 1
  expect "Taken and not given back, in cents" "$(($(books captured) - $(books refunded)))" 0
}

# try_refund HREF KEY REASON: the act as ops sends it with curl; `act` is the very same request, to send it again.
try_refund() {
  local href=$1 key=$2 reason=$3 tag answer
  tag=$(api GET "/v1/sagas/$saga" -o /dev/null -D - | tr -d '\r' | sed -n 's/^[Ee][Tt]ag: //p')
  command_line "curl -s '$belay$href' -H 'Content-Type: application/json' -H 'If-Match: $tag' \\
      -H 'Idempotency-Key: $key' -d '{\"reason\": \"$reason\"}'"
  act=(api POST "$href" -H "If-Match: $tag" -H "Idempotency-Key: $key" -d "{\"reason\": \"$reason\"}")
  answer=$("${act[@]}")
  [[ $(jq -r '.act // empty' <<<"$answer") == retry ]] || off "the retry was refused: $answer"
  until_true 10 refund_settled
}
# The try has an outcome: nothing of it is on its way.
refund_settled() { is '[.steps[].calls[]? | select(.direction == "undo" and .phase == "in_flight")] == []'; }

# What our sagas say about money, booking by booking: {booking: {captured, refunded}}.
our_books() {
  local id
  for id in $(api GET '/v1/sagas?limit=500' | jq -r '.sagas[].id'); do api GET "/v1/sagas/$id"; done | jq -s '
    [.[] | (.steps[] | select(.path == "capture")) as $capture | (.input.price.minor) as $price
     | {key: .input.booking, value: {
         captured: (if $capture.effect == "done" or $capture.effect == "undone" or $capture.effect == "left_over" then $price else 0 end),
         refunded: (if $capture.effect == "undone" then $price else 0 end)}}] | from_entries'
}

reckoning() {
  heading "The reckoning: the provider's books against ours"
  say "The provider never saw our database, and we never saw its books. They must say the same, booking by booking."
  local ours theirs table
  ours=$(our_books)
  theirs=$(control GET ledger)
  table=$(jq -n -r --argjson ours "$ours" --argjson theirs "$theirs" '
    def cents: . as $c | (($c / 100 | floor | tostring) + "." + ("0" + ($c % 100 | tostring))[-2:]) | (" " * (9 - length)) + .;
    (($ours | keys) + ($theirs.by_booking | keys) | unique)[] as $b
    | ($ours[$b] // {captured: 0, refunded: 0}) as $o | ($theirs.by_booking[$b] // {captured: 0, refunded: 0}) as $t
    | "\($b[0:8])  \($o.captured | cents) \($o.refunded | cents)   \($t.captured | cents) \($t.refunded | cents)   \(($o.captured - $o.refunded - $t.captured + $t.refunded) | fabs | cents)"')
  { echo "booking   our taken  our back   theirs taken  back  difference"; echo "$table"; } | indent
  local difference
  difference=$(jq -n --argjson ours "$ours" --argjson theirs "$theirs" '
    [(($ours | keys) + ($theirs.by_booking | keys) | unique)[] as $b
     | ($ours[$b] // {captured: 0, refunded: 0}) as $o | ($theirs.by_booking[$b] // {captured: 0, refunded: 0}) as $t
     | (($o.captured - $t.captured) | fabs) + (($o.refunded - $t.refunded) | fabs)] | add')
  expect "Difference over all bookings, in cents" "$difference" 0
  local taken back confirmed
  taken=$(jq '.captured.EUR // 0' <<<"$theirs") back=$(jq '.refunded.EUR // 0' <<<"$theirs")
  confirmed=$(sql "SELECT coalesce(sum(price_minor), 0) FROM booking.booking WHERE status = 'confirmed'")
  say "Taken $(euro "$taken"), given back $(euro "$back"); the bookings that stand are worth $(euro "$confirmed")."
  expect "Taken less given back less bookings that stand, in cents" "$((taken - back - confirmed))" 0
  expect "Authorisations left open" "$(jq .authorised_open <<<"$theirs")" 0
  expect "Double captures" "$(jq .double_captures <<<"$theirs")" 0
  expect "Sagas that need a person" "$(api GET '/v1/sagas?limit=500' | jq '[.sagas[] | select(.health != "ok")] | length')" 0
}
