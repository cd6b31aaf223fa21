# Guests, money and sagas in one-liners. Everything goes over HTTP, as any program would do it.

room='' booking='' saga='' last_saga='' day=0

uuid() { cat /proc/sys/kernel/random/uuid; }

# What Belay, and what the provider, answers. A POST always has a body: httplib waits for one.
api() {
  local method=$1 path=$2; shift 2
  if [[ $method == POST && " $* " != *" -d "* ]]; then set -- "$@" -d ''; fi
  curl -sS --max-time 20 -X "$method" -H 'Content-Type: application/json' "$@" "$belay$path"
}
control() { curl -sS --max-time 20 -X "$1" -H 'Content-Type: application/json' -d "${3-}" "$provider/_control/$2"; }
faults() { control POST faults "$1" >/dev/null; }
no_faults() { control DELETE faults >/dev/null; }

# A room of its own for every scene, so that the scenes do not meet.
new_room() {
  room=$(uuid)
  sql "INSERT INTO booking.resource (id, name) VALUES ('$room', 'Room $((++day))')" >/dev/null
}

# book PRICE_IN_CENTS: starts the saga that holds, charges and confirms. Sets `booking` and `saga`.
book() {
  local price=$1 answer
  booking=$(uuid)
  answer=$(api POST /v1/sagas -H "Idempotency-Key: booking-$booking" -d "{
    \"workflow\": \"confirm_booking\",
    \"input\": {
      \"booking\": \"$booking\", \"resource\": \"$room\",
      \"customer\": {\"id\": \"$(uuid)\", \"email\": \"anna@example.com\"},
      \"starts_at\": \"2031-05-04T10:00:00Z\", \"ends_at\": \"2031-05-04T11:00:00Z\",
      \"price\": {\"currency\": \"EUR\", \"minor\": $price}
    }}")
  saga=$(jq -r '.id // empty' <<<"$answer")
  [[ -n $saga ]] || off "the booking was not taken on: $answer"
  last_saga=$saga
}

get_saga() { api GET "/v1/sagas/$saga"; }
field() { get_saga | jq -r "$1"; }
is() { [[ $(get_saga | jq -r "$1") == true ]]; }

# wait_saga WORDS FILTER: until the saga is so; else says how it is.
wait_saga() {
  until_true 60 is "$2" || off "waiting until $1 took too long; the saga is: $(get_saga | jq -c '{status, health, waiting_on, failure}')"
}
wait_ended() { wait_saga "the saga ends" '.status == "completed" or .status == "compensated"'; }

# The customer pays, as soon as she is asked to.
pay() {
  wait_saga "the customer is asked to pay" '[.steps[] | select(.path == "intent")][0].effect != "none" and .status == "running"'
  local answer
  answer=$(control POST pay_by_metadata "{\"booking\": \"$booking\"}")
  [[ $(jq -r '.status // empty' <<<"$answer") == requires_capture ]] || off "the payment did not work: $answer"
}

# books FIELD: of this booking, in the provider's books.
books() { control GET ledger | jq -r ".by_booking[\"$booking\"].$1 // 0"; }
provider_requests() { control GET 'requests?n=1000' | jq -c "[.[] | select(.booking == \"$booking\" and (.path | endswith(\"$1\")))]"; }
slots() { sql "SELECT count(*) FROM booking.slot WHERE booking = '$booking' AND state IN ('held', 'booked')"; }
booked() { sql "SELECT count(*) FROM booking.booking WHERE id = '$booking' AND status = 'confirmed'"; }

timeline() {
  quiet "    What Belay noted (belay history $saga):"
  "$binaries/belay" history "$saga" --server "$belay" | indent
  breathe 3
}
