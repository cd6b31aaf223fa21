// Mistakes in the text form of statements around others, of policies and of scenarios' sentences.
#include <algorithm>

#include "tests/mutations/mutate.h"

namespace belay::mutations {
namespace {

using Words = std::vector<std::string>;

struct Swap {
  const char* kind;
  const char* pattern;  // its group is what is wrong in turn
  Words with;
};

// What people write instead, statement by statement.
const std::vector<Swap>& swaps() {
  static const std::vector<Swap> table = {
      {"for each",
       "^ *(for each) ",
       {"foreach", "for", "for every", "forEach", "each", "For each", "loop", "for all",
        "for-each"}},
      {"for each", "^ *for each [a-z_]+ (in) ", {"", "of", "from", "=", ":", "within"}},
      {"for each", "^ *for each ([a-z_]+) in", {"", "Seat", "seat.x", "a seat", "1st", "\"seat\""}},
      {"for each",
       "^ *for each [a-z_]+ in ([a-z_]+)",
       {"", "= seats", "the seats", "seats[0]", "7"}},
      {"items at once",
       "^ *for each .*(, at most [0-9]+ at once)",
       {"", ", at most", ", at most 3", " at most 3 at once", ", 3 at once", ", at once",
        ", up to 3 at once", ", at most three at once", ", at most 3 at a time",
        ", at most 3 in parallel", ", at most -1 at once", ", at most 0 at once",
        ", at most 1.5 at once", ", at most 3 atonce", ", at most \"3\" at once",
        ", max 3 at once"}},
      {"failures",
       "(, tolerating [0-9]+ failures?)",
       {", tolerating", ", tolerating 1", ", tolerating failures", " tolerating 1 failure",
        ", tolerating one failure", ", tolerating -1 failures", ", tolerate 1 failure",
        ", allowing 1 failure", ", tolerating 1 error", ", tolerating 1 failuer",
        ", tolerating 10 %", ", tolerating at most 1 failure"}},
      {"other languages",
       "^ *(for each .*)$",
       {"for x in seats", "for (seat of seats)", "for seat in seats:", "foreach seat in seats",
        "for i = 1 to 3", "while seats", "parallel", "seats.forEach", "map seats"}},
      {"other languages",
       "^ *(repeat until .*)$",
       {"while true", "while look.state is \"open\"", "repeat 48 times", "loop", "do", "repeat",
        "until look.state is \"open\"", "for i in 48", "retry until look.state is \"open\""}},
      {"other languages",
       "^ *(together.*)$",
       {"parallel", "in parallel", "race", "concurrently", "fork", "at once", "do all", "join"}},
      {"other languages",
       "^ *(try)$",
       {"attempt", "Try", "try:", "try to", "begin", "trying", "try {", "catch", "do"}},
      {"repeat",
       "^ *(repeat until) ",
       {"repeat", "until", "repeat while", "loop until", "do until", "Repeat until", "repeat till",
        "repeatuntil", "retry until"}},
      {"rounds",
       "^ *repeat until .*(, at most [0-9]+ times)",
       {"", ", at most", ", at most 48", ", 48 times", ", at most times", " at most 48 times",
        ", at most many times", ", at most 0 times", ", at most -1 times", ", at most 48 rounds",
        ", max 48 times", ", at most 4.5 times", ", at most 2 days", ", up to 48 times"}},
      {"otherwise of repeat",
       "^ *repeat until .*(, otherwise cancel because) ",
       {", otherwise", " otherwise cancel because", ", else cancel because",
        ", otherwise, cancel because", ", otherwise abort because", ", cancel because",
        ", otherwise cancel", ", or else cancel because", ", otherwise give up"}},
      {"otherwise",
       "^ *(otherwise)$",
       {"else", "or else", "otherwize", "Otherwise", "otherwise:", "finally", "default",
        "otherwise if"}},
      {"together",
       "^ *together(, waiting for (?:any|all|[0-9]+ of [0-9]+))$",
       {"",
        ", waiting for",
        ", waiting for one",
        ", any",
        ", waiting for 2",
        ", waiting for 2 of",
        ", waiting for 4 of 3",
        ", waiting for 0 of 3",
        ", waiting for 2 of 9",
        ", waiting for two of three",
        ", waiting for first",
        ", waiting for 2/3",
        ", waiting for any of",
        " waiting for any",
        ", wait for any",
        ", waiting for -1 of 3",
        ", waiting for any one",
        ", waiting for 2 from 3",
        ", waiting any",
        ", waiting for 1.5 of 3"}},
      {"branch", "^ *(branch) ", {"thread", "Branch", "branche", "lane", "path", "case", "with"}},
      {"branch",
       "^ *branch ([a-z_]+)$",
       {"", "In_the_castle", "in the castle", "\"in the castle\"", "1st", "in.the", "a:"}},
      {"ask", "^ *(ask) ", {"question", "approve", "Ask", "ask for", "asks", "prompt", "human"}},
      {"ask", "^ *ask ([a-z_]+) ", {"", "Approve", "approve stay", "1st", "app.rove"}},
      {"ask",
       "^ *ask [a-z_]+ (\".*\") ",
       {"", "May this stay be confirmed?", "approve", ", \"May?\""}},
      {"role",
       "^ *ask .*( of role [a-z_]+)$",
       {"", " of role", " role manager", " by manager", " of manager", " to role manager",
        ", of role manager", " of role Manager", " of role the manager", " of role \"manager\"",
        " of roles manager", " of role manager, admin"}},
      {"answers",
       "^ *(answers)$",
       {"answer", "gives", "fields", "Answers", "with", "returns", "answerz", "takes",
        "answers with"}},
      {"wait for several",
       "^ *(for (?:all|any) of)$",
       {"for", "for all", "all of", "for both", "for every", "for any", "all", "for all off",
        "for one of", "for al of", "for any off", "For any of"}},
      {"key of an event",
       "^ *[a-z_]+ += [a-z_]+\\.[a-z_]+(, key [a-z_]+)",
       {"", ", key", " key booking", ", by booking", ", for booking", ", key = booking",
        ", kye booking"}},
      {"early events",
       "(, even if up to 7 days before)$",
       {", even if 7 days before", ", even if up to 7 days", ", even up to 7 days before",
        ", even if up to seven days before", ", even if up to before",
        ", even if up to 7 days after", ", up to 7 days before", ", even if before",
        " even if up to 7 days before", ", even if up to 7 dyas before",
        ", even if up to -7 days before"}},
      {"equals of an event",
       "^ *(?:card|transfer|passport|contract) +(= )[a-z]",
       {"", ": ", "is ", "== ", "=> ", "<- "}},
      {"handler",
       "^ *(if) [a-z_]+\\.[a-z_]+",
       {"catch", "on", "except", "rescue", "on error", "If", "iff", "when"}},
      {"any error",
       "^ *(if any error),",
       {"if error", "if any", "if anything", "otherwise", "else", "if all errors", "if any errors",
        "catch", "finally", "if any eror", "catch any error", "on any error", "if"}},
      {"several errors",
       "^ *if (refused or gave_up),",
       {"refused and gave_up", "refused, gave_up", "refused | gave_up", "refused or", "or gave_up",
        "refused gave_up", "(refused or gave_up)", "refuzed or gave_up", "refused or gaveup"}},
      {"run",
       "^ *(run) ",
       {"start", "call", "do", "Run", "execute", "runs", "start workflow", "run workflow"}},
      {"run",
       "^ *run ([a-z_]+)",
       {"", "BookStay", "book stay", "book-stay", "book_stay()", "\"book_stay\""}},
      {"detached",
       "^ *run .*(, and do not wait)$",
       {" and do not wait", ", do not wait", ", and don't wait", ", detached", ", and do not",
        ", no wait", ", and not wait", ", async", ", and do not wiat"}},
      {"alive",
       "^ *(alive every) ",
       {"heartbeat every", "alive", "alive each", "live every", "every", "Alive every"}},
      {"alive",
       "^ *alive every( .*)$",
       {"", " 30", " thirty seconds", " 30 secs", " \"30 seconds\"", " minute"}},
      {"rate",
       "^ *(at most [0-9]+ per [a-z]+)",
       {"at most 20", "at most per minute", "at most 20 a minute", "at most 20 every minute",
        "at most 20 per minutes", "at most 20 per week", "at most 20 per 5 minutes",
        "at most twenty per minute", "at most 0 per minute", "at most 20/minute", "20 per minute",
        "at most -3 per hour", "at most 20, per minute", "at most 1.5 per hour",
        "atmost 20 per minute", "at most 20 per", "up to 20 per minute"}},
      {"rate",
       "^ *at most [0-9]+ per [a-z]+( per [a-z_]+)$",
       {" per", " for guest", " per gest", " by guest", " per each guest", ", per guest",
        " guest"}},
      {"one at a time",
       "^ *(one at a time per) ",
       {"one at a time", "one at time per", "one per", "only one at a time per", "one a time per",
        "at most one per", "singleton per", "One at a time per"}},
      {"one at a time",
       "^ *one at a time per .*(, others (?:queue|are refused))$",
       {"", ", others", ", others wait", ", others queues", " others queue", ", other queue",
        ", others are queued", ", others refused", ", queue", ", others are refuse",
        ", others qeue", ", the others queue"}},
      {"one at a time",
       "^ *one at a time per( [a-z]+|(?: string.*))(?:, others)",
       {"", " custmr", " = customer"}},
      {"starts on",
       "^ *(starts on) ",
       {"start on", "starts with", "starts when", "on", "triggered by", "starts on event",
        "Starts on", "starts"}},
      {"starts on",
       "^ *starts on ([a-z_.]+)$",
       {"", "requested", "Booking.requested", "booking.", "booking requested",
        "booking.requested, key booking"}},
      {"event of a start",
       "^ *[a-z]+ += (event\\.[a-z]+)$",
       {"payload.booking", "event.bookng", "event", "old.booking", "this.booking", "event.", ""}},
      {"carry on",
       "^ *(carry on with) \\{",
       {"carry on", "continue with", "carryon with", "carry with", "go on with", "carry on using"}},
      {"carry on",
       "^ *(?:if .*, )?carry on with (\\{.*\\})$",
       {"", "{\"payment\"}", "{payment}", "{\"paymnt\": \"none\"}", "{\"payment\": 7.5}", "7"}},
      {"carry on",
       "^ *(carry on)$",
       {"continue", "go on", "carry  over", "carry one", "Carry on", "next", "carry on with"}},
      {"try again",
       "^ *(try again after .*)$",
       {"try again", "try again in 1 hour, at most 3 times", "retry after 1 hour, at most 3 times",
        "try again after 1 hour", "try again after 1 hour, 3 times",
        "try again after 1 hour, at most 3", "try again after, at most 3 times",
        "try again after 1 hour at most 3 times", "try again after one hour, at most 3 times",
        "try again, at most 3 times", "try again after 1 hour, at most three times",
        "try again after 1 hour, at most 0 times", "try again after 60, at most 3 times",
        "try agian after 1 hour, at most 3 times"}},
      {"hand to",
       "(hand to [a-z_]+)$",
       {"hand to", "hand over to payments_desk", "hand payments_desk", "handto payments_desk",
        "hand to \"payments desk\"", "hand to payments desk", "hand to Payments",
        "hand it to payments_desk", "escalate to payments_desk"}},
      {"pause",
       "^ *(pause .*)$",
       {"pause", "wait for 1 hour", "sleep 1 hour", "pause 1 hour", "pause for",
        "pause for one hour", "pause until 1 hour", "delay for 1 hour", "wait 1 hour",
        "pause for 60", "pause for \"1 hour\"", "Pause for 1 hour", "puase for 1 hour",
        "pause for 1 hour, then carry on", "pause till noon"}},
      {"collect",
       "^ *(collect held = hold.hold)$",
       {"collects held = hold.hold", "collect held", "yield hold.hold", "append hold.hold",
        "collect = hold.hold", "collect hold.hold", "collect held: hold.hold",
        "collect held =", "collect held == hold.hold", "collect held = hld.hold",
        "collect held = hold.hodl", "held = hold.hold", "collect Held = hold.hold",
        "collect held from hold.hold", "collect held += hold.hold"}},
      {"set",
       "^ *(set castle_price = castle.price)$",
       {"let castle_price = castle.price", "set castle_price castle.price",
        "castle_price = castle.price", "set castle_price := castle.price", "set castle_price",
        "set = castle.price", "set castle_price to castle.price", "set castle_price = castle.prize",
        "set castle_price = castel.price", "var castle_price = castle.price",
        "set castle.price = castle.price"}},
      {"if of a run",
       "^ *if (cancelled),",
       {"canceled", "cancelled_", "cancel", "child.cancelled", "is cancelled"}},
      {"presence",
       " (is present)$",
       {"is presnt", "present", "exists", "is not null", "is there", "isPresent"}},
  };
  return table;
}

// The words of a scenario's sentences, as `sentences.cpp` knows them.
const std::vector<Swap>& sentences() {
  static const std::vector<Swap> table = {
      {"sentence",
       "^ *(given|when|then|and) ",
       {"Given", "whenever", "if", "thn", "but", "or", "also", "expect", "assert", "-"}},
      {"sentence",
       " (arrives)",
       {"arives", "comes", "is received", "arrive", "occurs", "arrived", ""}},
      {"sentence",
       " (never arrives)",
       {"never comes", "does not arrive", "never", "nevr arrives", "not arrives"}},
      {"sentence",
       " (fails with) ",
       {"fails by", "fail with", "failes with", "throws", "ends with", "fails"}},
      {"sentence", " (times out)$", {"timeout", "times ouut", "timed out", "times"}},
      {"sentence", " (is unsure) ", {"unsure", "is not sure", "is unsur", "is unknown"}},
      {"sentence",
       " (and did not happen)",
       {"and not happened", "did not happen", "and didn't happen", ""}},
      {"sentence",
       " (it ends) ",
       {"it end", "ends", "it is", "it finishes", "it ednds", "saga ends"}},
      {"sentence",
       " it ends (completed|compensated)",
       {"complete", "cancelled", "", "with success", "compensatd", "failed", "undone"}},
      {"sentence", " compensated (because) ", {"becuase", "as", "", "since", "with"}},
      {"sentence", " compensated because (\".*\")", {"", "The slot is gone"}},
      {"sentence",
       " (nothing is) (?:undone|done|left over|published)",
       {"nothing", "none is", "nothing was", "nohting is"}},
      {"sentence",
       " nothing is (undone|left over|published)",
       {"undo", "left", "", "publishd", "undoen"}},
      {"sentence",
       " (undone is|done is) ",
       {"undone are", "undone", "undoes", "undoen is", "undone:", "is undone"}},
      {"sentence", " (?:undone|done) is ([a-z_]+)", {"", "holdd", "Hold", "the hold", "\"hold\""}},
      {"sentence", " (?:undone|done) is [a-z_]+(, )[a-z]", {" and ", " ", "; ", " or ", ", and "}},
      {"sentence", " (is tried) ", {"tried", "is tryed", "was tried", "tries"}},
      {"sentence",
       " is tried (twice|once|[0-9]+ times)$",
       {"", "two times", "2", "many times", "thrice", "0.5 times"}},
      {"sentence", " (it publishes) ", {"it publish", "it published", "it emits", "it publises"}},
      {"sentence",
       " it publishes ([a-z_.]+)",
       {"", "booking.confirmd", "confirmed", "\"booking.confirmed\""}},
      {"sentence", " within ([0-9]+ minutes)$", {"", "4", "four minutes", "4 mins", "4m"}},
      {"sentence", " after ([0-9]+ minutes)$", {"", "3", "three minutes", "3 mins", "3m"}},
      {"sentence", "^ *when ([a-z]+) (?:arrives|never)", {"", "payd", "hold", "the paid", "Paid"}},
      {"sentence",
       "(?:when|and) ([a-z]+) (?:fails|times|is unsure)",
       {"holdd", "", "Capture", "nothing", "the capture"}},
      {"sentence",
       " fails with ([a-z_.]+)",
       {"", "slot_taken", "booking.slot_takn", "\"booking.slot_taken\"", "error"}},
      {"sentence",
       " (the undo of) ",
       {"undoing", "the undoing of", "undo", "th undo of", "the undo"}},
      {"sentence",
       " given ([a-z_]+ = .*)$",
       {"", "price", "prize = EUR 5.00", "price: EUR 5.00", "price = 5", "price ="}},
      {"scenario", "^scenario (\".*\") for", {"", "The slot is taken", "slot"}},
      {"scenario",
       "^scenario \".*\"( for [a-z_]+)$",
       {"", " for", " of confirm_booking", " for confirm_bookin", " for Confirm",
        ", for confirm_booking"}},
      {"scenario", "^(scenario) ", {"scenarios", "test", "Scenario", "scenarioo", "example"}},
  };
  return table;
}

bool opens_block(const std::string& said) {
  return matches(said,
                 "^(for each |repeat until |together|try$|branch |ask |answers$|wait |for "
                 "(all|any) of$|"
                 "starts on |otherwise$|or when |run )") ||
         (matches(said, "^if [a-z_. ]+$"));
}

void of_blocks(const Outline& o, int row, Sink& sink) {
  const auto& here = o.rows[static_cast<std::size_t>(row)];
  const std::string said = here.said();
  const int end = o.end_of(row), next = o.sibling(row, 1), prev = o.sibling(row, -1);
  const std::vector<int> children = o.children(row);
  std::set<int> inside;
  for (int i = row; i <= end; ++i) inside.insert(i);
  if (opens_block(said) && !children.empty()) {
    // What follows is missing what was gone or stands elsewhere: any line of the block is right.
    Words flat = {here.text}, deep = {here.text};
    bool block_text = false;
    for (int i = row + 1; i < end; ++i) {
      const auto& line = o.rows[static_cast<std::size_t>(i)];
      block_text = block_text || (!line.code && line.indent < line.text.size());
      flat.push_back(line.text.size() > 2 && line.indent >= 2 ? line.text.substr(2) : line.text);
    }
    if (!block_text) {
      sink.replace("text: block not indented", row, end, flat, inside);
      sink.last().anywhere = true;
    }
    // Without its block. What the block declared is missed elsewhere.
    sink.replace("text: block missing", row, end, {here.text}, {next, row - 1});
    sink.last().anywhere = true;
    // Without its head: the block hangs in the air.
    // (Behind other statements of a block, `otherwise` and `if` leave statements that may be
    // meant.)
    if (!matches(said, "^(otherwise$|if )")) {
      sink.replace("text: head of a block missing", row, row + 1, {}, inside);
      sink.last().anywhere = matches(said, "^(for each|ask|wait|repeat|branch|run|together)");
    }
  }
  const std::string before = prev < 0 ? "" : o.rows[static_cast<std::size_t>(prev)].said();
  const bool of_try = said.starts_with("if ") && (before == "try" || before.starts_with("if ")) &&
                      !matches(o.parent_said(row), "^(step|undo with|action)");
  if (of_try) {
    Words deep, shallow;
    for (int i = row; i < end; ++i) {
      const auto& line = o.rows[static_cast<std::size_t>(i)];
      deep.push_back(line.text.empty() ? "" : "  " + line.text);
      shallow.push_back(line.indent >= 2 ? line.text.substr(2) : line.text);
    }
    sink.replace("text: handler in the wrong column", row, end, deep, inside);
    sink.replace("text: handler in the wrong column", row, end, shallow, inside);
    sink.change("text: handler in the wrong column", row, " " + here.text,
                {row + 1, row - 1, next});
    sink.change("text: handler in the wrong column", row, "  " + here.text,
                {row + 1, row - 1, next});
    if (before == "try") {
      int last = row;
      while (o.sibling(last, 1) >= 0 &&
             o.rows[static_cast<std::size_t>(o.sibling(last, 1))].said().starts_with("if ")) {
        last = o.sibling(last, 1);
      }
      sink.replace("text: try without handlers", row, o.end_of(last), {}, {prev});
      Words moved;
      for (int i = row; i < end; ++i) moved.push_back(o.rows[static_cast<std::size_t>(i)].text);
      for (int i = prev; i < row; ++i) moved.push_back(o.rows[static_cast<std::size_t>(i)].text);
      std::set<int> both = inside;
      for (int i = prev; i < row; ++i) both.insert(i);
      sink.replace("text: handler before its try", prev, end, moved, both);
    }
    sink.replace("text: statement before a handler", row, row,
                 {std::string(here.indent, ' ') + "pause for 1 second"}, {row, prev});
  }
  if (matches(said, "^(run |answers$|for (all|any) of$)")) {
    sink.replace("text: line removed", row, end, {}, {here.parent, row - 1, end});
    sink.last().anywhere = said == "answers" || said.starts_with("for");
  }
  if (said.starts_with("collect ")) {
    sink.replace("text: line removed", row, end, {}, {});
    sink.last().anywhere = true;
  }
  if (matches(o.parent_said(row), "^(run |starts on )") && matches(said, "^[a-z_]+ += ")) {
    sink.replace("text: missing argument", row, row + 1, {}, {here.parent, row - 1});
    std::string word;
    const std::size_t at = group(here.text, "^ *([a-z_]+)", word);
    sink.misspell("text: misspelt argument", row, at, word);
  }
  if (matches(said, "^(for each|repeat until|together|try$|ask |wait |branch )")) {
    for (const char* clause : {"retry careful",
                               "do card.charge",
                               "takes",
                               "alive every 5 seconds",
                               "undo with card.refund",
                               "at most 5 per minute",
                               "if card.declined, carry on",
                               "once per booking",
                               "reads",
                               "end",
                               "}",
                               "when",
                               "for each",
                               "repeat",
                               "together",
                               "try",
                               "ask",
                               "run book_stay",
                               "answers",
                               "for any of",
                               "collect x"}) {
      if (matches(said, "^wait ") && matches(clause, "^(undo with|for any of)")) continue;
      if (matches(said, "^ask ") && matches(clause, "^answers")) continue;
      sink.replace("text: stray line in a block", row, row + 1,
                   {here.text, std::string(here.indent + 2, ' ') + clause}, {row + 1});
    }
  }
}

}  // namespace

void text_flow(const Outline& o, int row, Sink& sink) {
  const std::string& line = o.rows[static_cast<std::size_t>(row)].text;
  const bool told = o.parent_said(row).starts_with("scenario ") || line.starts_with("scenario ");
  if (matches(o.parent_said(row), "^(connector|action|type|event|call) ")) return;
  for (const Swap& swap : told ? sentences() : swaps()) {
    std::string word;
    const std::size_t at = group(line, swap.pattern, word);
    if (at == std::string::npos) continue;
    for (const std::string& with : swap.with) {
      std::string wrong = line;
      wrong.replace(at, word.size(), with);
      while (!wrong.empty() && wrong.back() == ' ') wrong.pop_back();
      if (wrong.find_first_not_of(' ') == std::string::npos) continue;
      sink.change(std::string("text: ") + swap.kind, row, wrong,
                  {row + 1, o.sibling(row, 1), o.sibling(row, -1)});
    }
  }
  std::string word;
  const auto misspell = [&](const char* kind, const char* pattern, bool anywhere = false) {
    const std::size_t at = group(line, pattern, word);
    if (at != std::string::npos)
      sink.misspell(std::string("text: ") + kind, row, at, word, anywhere);
  };
  if (!told) {
    misspell("misspelt workflow", "^ *run ([a-z_]+)");
    misspell("misspelt event", "^ *starts on ([a-z_.]+)$");
    misspell("misspelt event", "^ *[a-z_]+ += ([a-z_]+\\.[a-z_]+), key");
    misspell("misspelt list", "^ *for each [a-z_]+ in ([a-z_]+),");
    misspell("misspelt item", "^ *for each ([a-z_]+) in", true);
    misspell("misspelt name", "^ *repeat until ([a-z_]+)\\.");
    misspell("misspelt field", "^ *repeat until [a-z_]+\\.([a-z_]+)");
    misspell("misspelt name", "^ *collect [a-z_]+ = ([a-z_]+)\\.");
    misspell("misspelt flow word", "^ *for each .*(at most|at once|tolerating|failure)");
    misspell("misspelt flow word", "^ *for each .*(at once|tolerating|failure)");
    misspell("misspelt flow word", "^ *repeat until .*, (at most|otherwise)");
    misspell("misspelt flow word", "^ *together, (waiting|waiting for)");
    misspell("misspelt flow word", "^ *run .*, (and do not wait)");
    misspell("misspelt flow word", "^ *one at a time per .*, (others|others queue)");
    misspell("misspelt flow word", "^ *ask .*\" (of role)");
    if (o.parent_said(row) == "try" || o.sibling(row, -1) >= 0) {
      misspell("misspelt error of a try", "^ *if (card\\.declined|cancelled|refused|any error)");
    }
    of_blocks(o, row, sink);
  }
}

}  // namespace belay::mutations
