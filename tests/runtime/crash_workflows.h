// The workflows of statement_crash_test.cpp: each statement with steps that leave something in the
// world, so that what is undone can be seen there. They go with the declarations of
// engine_harness.h.
#pragma once

namespace belay::testing {

inline const char* const kCrashWorkflows = R"(belay 1

event shop.tick, version 1, key order
  order  text

event shop.sold, version 1, key order
  order  text

action look "Look how far it is"
  reads
  takes
    item  text
  gives
    id  text
  repeating is safe
  plugin look

action tell "Tell somebody"
  notifies
  takes
    item  text
  repeating is safe
  plugin tell

workflow plain "Steps, a pause, an event, and no way back", version 1
  takes
    a     text
    card  text
  gives
    id = x.id
  step x
    do reserve
      item = a
    undo with unreserve
      id = x.id
    if shop.sold_out, cancel because "Sold out"
  pause for 2 minutes
  step pay
    do charge
      item = card
    undo with refund
      id = pay.id
    if shop.declined, cancel because "Declined"
  point of no return
  step thank
    do tell
      item = a
    keep trying for 1 day, then carry on
  publish shop.sold, key a

workflow any_of_two "The first is enough", version 1
  takes
    a     text
    b     text
    card  text
  gives
    id = x.id or else y.id or else "none"
  together, waiting for any
    branch at_sea
      step x
        do reserve
          item = a
        undo with unreserve
          id = x.id
      wait go
        for shop.paid, key a
        within 1 day, otherwise cancel because "Late"
    branch in_town
      step y
        do reserve
          item = b
        undo with unreserve
          id = y.id
      wait gone
        for shop.paid, key b
        within 1 day, otherwise cancel because "Late"
  step pay
    do charge
      item = card
    undo with refund
      id = pay.id
    if shop.declined, cancel because "Declined"

workflow race "The first is enough, and both are on their way", version 1
  takes
    a     text
    b     text
  gives
    id = x.id or else y.id or else "none"
  together, waiting for any
    step x
      do reserve
        item = a
      undo with unreserve
        id = x.id
    step y
      do reserve
        item = b
      undo with unreserve
        id = y.id

workflow two_of_three "Two are enough", version 1
  takes
    a     text
    b     text
    c     text
    card  text
  gives
    x = x is present
    y = y is present
    z = z is present
  together, waiting for 2 of 3
    branch first
      step before_x
        do reserve
          item = "before_x"
        undo with unreserve
          id = before_x.id
        if shop.sold_out, cancel because "Sold out"
      step x
        do reserve
          item = a
        undo with unreserve
          id = x.id
    step y
      do reserve
        item = b
      undo with unreserve
        id = y.id
    branch last
      step z
        do reserve
          item = c
        undo with unreserve
          id = z.id
      pause for 1 day
  step pay
    do charge
      item = card
    undo with refund
      id = pay.id
    if shop.declined, cancel because "Declined"

workflow each "A hold for each", version 1
  takes
    items  list of text
    card   text
  gives
    ids = ids
  for each i in items, at most 2 at once, tolerating 1 failure
    step first
      do reserve
        item = "first_" + i
      undo with unreserve
        id = first.id
      if shop.sold_out, cancel because "Sold out"
    step hold
      do reserve
        item = i
      undo with unreserve
        id = hold.id
    collect ids = hold.id
  step pay
    do charge
      item = card
    undo with refund
      id = pay.id
    if shop.declined, cancel because "Declined"

workflow rounds "Until it is granted", version 1
  takes
    a     text
    card  text
  gives
    state = look.id
  repeat until look.id is "granted", at most 4 times, otherwise cancel because "Never granted"
    pause for 2 minutes
    step keep
      do reserve
        item = "kept"
      undo with unreserve
        id = keep.id
      if shop.sold_out, cancel because "Sold out"
    step look
      do look
        item = a
  step pay
    do charge
      item = card
    undo with refund
      id = pay.id
    if shop.declined, cancel because "Declined"

workflow all_papers "Both are needed", version 1
  takes
    a     text
    b     text
    card  text
  gives
    sum = papers.one.amount + papers.two.amount
  step x
    do reserve
      item = a
    undo with unreserve
      id = x.id
    if shop.sold_out, cancel because "Sold out"
  wait papers
    for all of
      one = shop.paid, key a
      two = shop.paid, key b, even if up to 1 hour before
    within 1 day, otherwise cancel because "No papers"
  step pay
    do charge
      item = card
    undo with refund
      id = pay.id
    if shop.declined, cancel because "Declined"

workflow any_money "Either is enough", version 1
  takes
    a     text
    b     text
    card  text
  gives
    one = paid.one is present
    two = paid.two is present
  step x
    do reserve
      item = a
    undo with unreserve
      id = x.id
    if shop.sold_out, cancel because "Sold out"
  wait paid
    for any of
      one = shop.paid, key a
      two = shop.paid, key b
    within 1 day, otherwise cancel because "No money"
  step pay
    do charge
      item = card
    undo with refund
      id = pay.id
    if shop.declined, cancel because "Declined"

workflow question "Somebody says so", version 1
  takes
    a     text
    card  text
  gives
    why = approve.why
  step x
    do reserve
      item = a
    undo with unreserve
      id = x.id
    if shop.sold_out, cancel because "Sold out"
  ask approve "May it be?" of role manager
    answers
      granted  bool
      why      text
    within 1 day, otherwise
      step remind
        do tell
          item = "nobody answered"
        no undo because "Said is said"
      cancel because "Nobody answered"
  when not approve.granted
    cancel because "They said no"
  step pay
    do charge
      item = card
    undo with refund
      id = pay.id
    if shop.declined, cancel because "Declined"

workflow stay "A child", version 1
  takes
    a  text
    b  text
  gives
    id = x.id
  once per a
  step x
    do reserve
      item = a
    undo with unreserve
      id = x.id
    if shop.sold_out, cancel because "Sold out"
  step y
    do reserve
      item = b
    undo with unreserve
      id = y.id
    if shop.sold_out, cancel because "Sold out"

workflow greet "A child that nobody waits for", version 1
  takes
    a  text
  step hello
    do tell
      item = a
    no undo because "Said is said"

workflow trip "A parent", version 1
  takes
    a     text
    b     text
    card  text
  gives
    id = room.id
  step greet
    run greet, and do not wait
      a = a
    no undo because "Said is said"
  step room
    run stay
      a = a
      b = b
    if cancelled, cancel because "No room"
  step pay
    do charge
      item = card
    undo with refund
      id = pay.id
    if shop.declined, cancel because "Declined"

workflow attempt "One way, or the other", version 1
  takes
    a     text
    b     text
    c     text
    card  text
  gives
    id = x.id or else "by z"
  try
    step x
      do reserve
        item = a
      undo with unreserve
        id = x.id
    step y
      do reserve
        item = b
      undo with unreserve
        id = y.id
  if shop.sold_out
    step z
      do reserve
        item = c
      undo with unreserve
        id = z.id
      if shop.sold_out, cancel because "Neither way"
  step pay
    do charge
      item = card
    undo with refund
      id = pay.id
    if shop.declined, cancel because "Declined"

workflow acts "What follows is decided in the handler", version 1
  takes
    a     text
    card  text
    how   text
  gives
    id = pay.id
  step x
    do reserve
      item = a
    undo with unreserve
      id = x.id
    if shop.sold_out, cancel because "Sold out"
  step pay
    do charge
      item = card
    undo with refund
      id = pay.id
    if shop.declined
      when how is "carry on"
        carry on with {"id": "none"}
      or when how is "again"
        try again after 5 minutes, at most 3 times
      otherwise
        step note
          do tell
            item = "the desk"
          no undo because "Said is said"
        hand to desk
  wait signed
    for shop.paid, key a
    within 1 day, otherwise
      step ask_again
        do reserve
          item = "asked again"
        undo with unreserve
          id = ask_again.id
        if shop.sold_out, cancel because "Sold out"
      carry on
  step last
    do reserve
      item = how
    undo with unreserve
      id = last.id
    if shop.sold_out, cancel because "Sold out"

workflow in_line "One after the other", version 1
  takes
    a     text
    card  text
  one at a time per a, others queue
  step x
    do reserve
      item = a + card
    undo with unreserve
      id = x.id
    if shop.sold_out, cancel because "Sold out"
  wait paid
    for shop.paid, key card
    within 1 day, otherwise cancel because "Not paid"
  step pay
    do charge
      item = card
    undo with refund
      id = pay.id
    if shop.declined, cancel because "Declined"

workflow lonely "One, or none", version 1
  takes
    a     text
    card  text
  one at a time per a, others are refused
  step x
    do reserve
      item = a + card
    undo with unreserve
      id = x.id
    if shop.sold_out, cancel because "Sold out"
  wait paid
    for shop.paid, key card
    within 1 day, otherwise cancel because "Not paid"
  step pay
    do charge
      item = card
    undo with refund
      id = pay.id
    if shop.declined, cancel because "Declined"

workflow by_event "An event begins it", version 1
  takes
    a     text
    sum  int
  starts on shop.paid
    a   = event.order
    sum = event.amount
  once per a
  step x
    do reserve
      item = a
    undo with unreserve
      id = x.id
    if shop.sold_out, cancel because "Sold out"
  when sum is more than 10
    cancel because "Too much"

workflow rounds_or "Until it is granted, or not", version 1
  takes
    a     text
    card  text
  gives
    state = look.id
  repeat until look.id is "granted", at most 2 times
    step look
      do look
        item = a
    step keep
      do reserve
        item = "kept"
      undo with unreserve
        id = keep.id
      if shop.sold_out, cancel because "Sold out"
  otherwise
    step note
      do tell
        item = "it takes longer"
      no undo because "Said is said"
    carry on
  step pay
    do charge
      item = card
    undo with refund
      id = pay.id
    if shop.declined, cancel because "Declined"

workflow rounds_tried "Until it is granted, or given up", version 1
  takes
    a     text
    card  text
  try
    repeat until look.id is "granted", at most 2 times
      step look
        do look
          item = a
      step keep
        do reserve
          item = "kept"
        undo with unreserve
          id = keep.id
  if gave_up or shop.sold_out
    step note
      do tell
        item = "given up"
      no undo because "Said is said"
  step pay
    do charge
      item = card
    undo with refund
      id = pay.id
    if shop.declined, cancel because "Declined"

workflow slow_stay "A child that waits", version 1
  takes
    a  text
  gives
    id = x.id
  once per a
  step x
    do reserve
      item = a
    undo with unreserve
      id = x.id
    if shop.sold_out, cancel because "Sold out"
  wait go
    for shop.paid, key a
    within 1 day, otherwise cancel because "Late"

workflow rival "A child beside a wait", version 1
  takes
    a     text
    b     text
    card  text
  gives
    by_child = room is present
  together, waiting for any
    step room
      run slow_stay
        a = a
      if cancelled, cancel because "Late"
    branch other
      step y
        do reserve
          item = b
        undo with unreserve
          id = y.id
      wait go
        for shop.paid, key b
        within 1 day, otherwise cancel because "Late"
  step pay
    do charge
      item = card
    undo with refund
      id = pay.id
    if shop.declined, cancel because "Declined"

workflow line_trip "A child in line", version 1
  takes
    a     text
    card  text
  step x
    do reserve
      item = card
    undo with unreserve
      id = x.id
    if shop.sold_out, cancel because "Sold out"
  step turn
    run in_line
      a    = a
      card = card
    if cancelled, cancel because "It was cancelled"

workflow each_try "One way or the other for each", version 1
  takes
    items  list of text
    card   text
  gives
    ids = ids
  for each i in items, at most 2 at once
    try
      step first
        do reserve
          item = "first_" + i
        undo with unreserve
          id = first.id
      step hold
        do reserve
          item = i
        undo with unreserve
          id = hold.id
    if shop.sold_out
      step instead
        do reserve
          item = "instead_" + i
        undo with unreserve
          id = instead.id
        if shop.sold_out, cancel because "Sold out"
    collect ids = hold.id or else "instead"
  step pay
    do charge
      item = card
    undo with refund
      id = pay.id
    if shop.declined, cancel because "Declined"

workflow each_stay "A child for each", version 1
  takes
    items  list of text
    card   text
  gives
    ids = ids
  for each i in items, at most 2 at once, tolerating 1 failure
    step room
      run stay
        a = "first_" + i
        b = i
    collect ids = room.id
  step pay
    do charge
      item = card
    undo with refund
      id = pay.id
    if shop.declined, cancel because "Declined"
)";

}  // namespace belay::testing
