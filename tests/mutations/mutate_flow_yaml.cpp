// Mistakes in the YAML form of statements around others, of policies and of scenarios' sentences.
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

const std::vector<Swap>& swaps() {
  static const std::vector<Swap> table = {
      {"for_each",
       "- (for_each): ",
       {"foreach", "for", "for-each", "each", "forEach", "for each", "loop"}},
      {"for_each",
       "- for_each: ([a-z_]+)$",
       {"", "Seat", "a seat", "[seat]", "{ seat: seats }", "seat in seats"}},
      {"for_each", "^ +(in): ", {"of", "over", "items", "list", "from"}},
      {"for_each", "^ +in: ([a-z_]+)$", {"", "[seats]", "{ seats: 1 }", "the seats", "seats.all"}},
      {"for_each",
       "^ +(at_once): ",
       {"at_most", "parallel", "max", "at-once", "once", "concurrency"}},
      {"count",
       "^ +(?:at_once|tolerating|at_most): ([0-9]+)$",
       {"-5", "many", "1.5", "", "[3]", "{ n: 3 }", "3 times", "three", "'3 '"}},
      {"failures", "^ +(tolerating): ", {"tolerate", "failures", "allowing", "max_failures"}},
      {"repeat",
       "- (repeat_until): ",
       {"repeat", "until", "while", "repeat until", "loop", "repeat_while"}},
      {"repeat",
       "- repeat_until: (.*)$",
       {"", "[a]", "{ a: b }", "'look.state is not open'", "= look.state is not 1"}},
      {"rounds", "^ +(at_most): [0-9]", {"max", "times", "at_once", "rounds", "at-most"}},
      {"together",
       "- (together): ",
       {"parallel", "all", "together for", "in_parallel", "race", "concurrently"}},
      {"together",
       "- together: (any|all|[0-9]+ of [0-9]+)$",
       {"one", "some", "2 from 3", "two of three", "4 of 3", "0 of 3", "2 of 9", "[all]", "",
        "true", "2 of", "first", "-1 of 3", "{ any: 2 }", "2", "any of"}},
      {"together", "^ +(branches): ?$", {"steps", "in", "branch", "do", "tasks"}},
      {"branch", "- (branch): ", {"name", "thread", "Branch", "lane"}},
      {"branch", "- branch: ([a-z_]+)$", {"", "In_the", "in the castle", "[a]", "in.the"}},
      {"ask", "- (ask): ", {"question", "approve", "human", "Ask", "prompt"}},
      {"ask", "^ +(question): ", {"title", "text", "q"}},
      {"ask", "^ +(of_role): ", {"role", "by", "roles", "of"}},
      {"ask",
       "^ +of_role: ([a-z_]+)$",
       {"", "Manager", "the manager", "[manager]", "{ role: manager }"}},
      {"ask", "^ +(answers): ", {"fields", "gives", "answer", "returns", "takes"}},
      {"ask",
       "^ +answers: (\\{.*\\})$",
       {"", "granted", "[granted]", "{}", "{ granted }", "[granted: bool]", "{ granted: boolean }",
        "{ granted: }", "{ Granted bool: bool }"}},
      {"try", "- (try): ?$", {"attempt", "catch", "Try", "do", "steps"}},
      {"errors of a try",
       "^ +(errors): ?$",
       {"catch", "except", "on_error", "if_error", "error", "handlers"}},
      {"any error", "^ +(any error): ", {"any", "error", "all errors", "default", "otherwise"}},
      {"several errors",
       "^ +(refused or gave_up): ",
       {"refused, gave_up", "refused and gave_up", "[refused, gave_up]", "refused or",
        "refused | gave_up", "refused gave_up", "refuzed or gave_up"}},
      {"handler",
       "^ +(?:refused or gave_up|any error): (\\{.*\\})$",
       {"", "hand_to", "payments_desk", "[hand_to]", "{}", "{ hand_to: payments desk }",
        "{ hand to: desk }", "{ cancel: A, hand_to: b }", "cancel", "{ cancel }",
        "{ handto: payments_desk }", "{ goto: x }"}},
      {"wait for several",
       "^ +(all_of|any_of): ?$",
       {"all", "any", "both", "one_of", "all of", "events"}},
      {"event of several",
       "^ +(?:card|transfer|passport|contract): (\\{ event: .*\\})$",
       {"", "document.uploaded", "[document.uploaded]", "{}", "{ event: document.uploaded }",
        "{ key: booking }", "{ event: document.uploadd, key: booking }",
        "{ on: document.uploaded, key: booking }", "{ event: document.uploaded, by: booking }",
        "{ event: document.uploaded, key: bookng }",
        "{ event: document.uploaded, key: booking, before: 7 days }"}},
      {"run", "^ +(run): ", {"start", "workflow", "call", "do", "runs", "execute"}},
      {"run",
       "^ +run: ([a-z_]+)$",
       {"", "BookStay", "book stay", "[book_stay]", "{ workflow: book_stay }"}},
      {"detached",
       "^ +(and_do_not_wait): ",
       {"detached", "no_wait", "do_not_wait", "and do not wait"}},
      {"detached", "^ +and_do_not_wait: (true)$", {"yes", "nope", "1", "", "[true]", "True"}},
      {"alive", "^ +(alive_every): ", {"heartbeat", "alive", "heartbeat_every", "every"}},
      {"alive",
       "^ +alive_every: (.*)$",
       {"", "30", "30s", "thirty seconds", "[30 seconds]", "0 seconds", "{ seconds: 30 }"}},
      {"rate",
       "^ +at_most: (\\{.*\\})$",
       {"{ per_week: 20 }", "20", "{ minute: 20 }", "{ per_minute: many }", "{ per_minute: 0 }",
        "{}", "[20]", "{ per_minute: 20, per_hour: 3 }", "20 per minute", "{ per: guest }",
        "{ per_minute: 20, by: guest }", "", "{ per_minute: 20, per: gest }",
        "{ per_minute: [20] }"}},
      {"one at a time",
       "^(one_at_a_time): ",
       {"one_at_time", "singleton", "one_per", "one at a time"}},
      {"one at a time",
       "^one_at_a_time: (\\{.*\\})$",
       {"customer", "{ per: customer }", "{ others: queue }", "{}", "[customer]", "",
        "{ per: customer, others: wait }", "{ per: customer, others: queued }",
        "{ per: custmer, others: queue }", "{ per: customer, others: refused }",
        "{ per: customer, others: [queue] }", "{ key: customer, others: queue }",
        "{ per: , others: queue }"}},
      {"starts on", "^(starts_on): ?$", {"start_on", "on", "trigger", "starts on", "starts_with"}},
      {"starts on", "^ +(?:- )?(event): [a-z_.]+$", {"on", "name", "Event", "events"}},
      {"starts on", "= event\\.([a-z]+)", {"bookng", "id_", "Booking"}},
      {"starts on", "= (event)\\.[a-z]+", {"payload", "evnt", "old", "this"}},
      {"carry on", "- (carry_on): ", {"continue", "carryon", "carry on", "go_on"}},
      {"carry on",
       "- carry_on: (.*)$",
       {"yes", "", "{ with: }", "{ using: 1 }", "[true]", "'= 1'",
        "{ with: '= {\"paymnt\": 1}' }"}},
      {"try again", "- (try_again): ", {"retry", "tryagain", "try again", "again"}},
      {"try again",
       "- try_again: (\\{.*\\})$",
       {"1 hour", "{ after: 1 hour }", "{ at_most: 3 }", "true", "{}", "",
        "{ after: one hour, at_most: 3 }", "{ after: 1 hour, at_most: three }",
        "{ after: 1 hour, at_most: 0 }", "[1 hour, 3]", "{ in: 1 hour, at_most: 3 }",
        "{ after: 1 hour, times: 3 }", "{ after: 1 hour, at_most: 3, then: carry on }"}},
      {"hand to", "(hand_to): ", {"handto", "hand over to", "escalate", "hand to", "team"}},
      {"hand to",
       "hand_to: ([a-z_]+)$",
       {"", "[desk]", "payments desk", "Payments", "{ team: desk }"}},
      {"pause", "- (pause): ", {"sleep", "delay", "Pause", "wait_for"}},
      {"pause",
       "- pause: (\\{.*\\})$",
       {"1 hour", "{ 1 hour }", "{ for: }", "{ until: 1 hour }", "{}", "{ for: one hour }",
        "[1 hour]", "", "{ for: 1 hour, until: x }", "{ fro: 1 hour }", "{ for: 60 }",
        "{ seconds: 3600 }"}},
      {"collect", "- (collect): ", {"yield", "append", "collects", "add", "Collect"}},
      {"collect",
       "- collect: (\\{.*\\})$",
       {"hold.hold", "{ held }", "[held]", "{}", "{ held: }", "{ a: hold.hold, b: hold.hold }", "",
        "{ held: hold.hodl }", "{ held: hld.hold }", "{ Held: hold.hold }", "[held: hold.hold]",
        "held = hold.hold"}},
      {"set", "- (set): ", {"let", "sets", "var", "assign", "Set"}},
      {"set",
       "- set: (\\{.*\\})$",
       {"castle.price", "{ castle_price }", "[castle_price]", "{}", "{ castle_price: }", "",
        "{ castle_price: castle.prize }", "{ Castle: castle.price }",
        "castle_price = castle.price"}},
      {"early events", "(even_if_up_to): ", {"even_up_to", "before", "even if up to", "even_if"}},
      {"early events",
       "even_if_up_to: ([0-9]+ days)",
       {"7 days before", "", "seven days", "7", "7d", "[7 days]", "-7 days"}},
      {"list", "^ +(steps): ?$", {"steps: {}", "steps: hold", "Steps:", "- steps:", "steps"}},
  };
  return table;
}

const std::vector<Swap>& sentences() {
  static const std::vector<Swap> table = {
      {"sentence", " (arrives)", {"arives", "comes", "is received", "arrive", ""}},
      {"sentence", " (never arrives)", {"never comes", "does not arrive", "never", "nevr arrives"}},
      {"sentence", " (fails with) ", {"fails by", "fail with", "failes with", "throws", "fails: "}},
      {"sentence", " (times out)$", {"timeout", "times ouut", "timed out"}},
      {"sentence", " (is unsure) ", {"unsure", "is not sure", "is unsur"}},
      {"sentence", "[ '](it ends) ", {"it end", "ends", "it is", "it finishes", "saga ends"}},
      {"sentence",
       " it ends (completed|compensated)",
       {"complete", "cancelled", "", "compensatd", "failed"}},
      {"sentence",
       " (nothing is) (?:undone|done|left over|published)",
       {"nothing", "none is", "nohting is"}},
      {"sentence", " nothing is (undone|left over|published)", {"undo", "left", "", "undoen"}},
      {"sentence", "[ '](undone is|done is) ", {"undone are", "undone", "undoen is", "undone: "}},
      {"sentence", " (?:undone|done) is ([a-z_]+)", {"", "holdd", "Hold", "the hold"}},
      {"sentence", " (is tried) ", {"tried", "is tryed", "was tried"}},
      {"sentence", " it publishes ([a-z_.]+)", {"", "booking.confirmd"}},
      {"sentence", "- within (.*)$", {"", "4", "four minutes", "4 mins"}},
      {"sentence", "^ +(- )[a-z']", {"", "-", "* ", "and "}},
      {"scenario", "^(scenario): ", {"scenarios", "test", "Scenario"}},
      {"scenario", "^(for): ", {"of", "workflow", "fro"}},
      {"scenario", "^for: ([a-z_]+)$", {"", "confirm_bookin", "[confirm_booking]", "Confirm"}},
      {"scenario", "^(given): ", {"givn", "with", "Given", "inputs"}},
      {"scenario",
       "^given: (.*)$",
       {"price", "{ prize: EUR 5.00 }", "[price]", "{ price: 5 }", "", "{ price }"}},
      {"scenario", "^(when|then):$", {"whn", "Then", "thn", "and", "expect"}},
  };
  return table;
}

// Whether the row stands in a scenario: its document begins with that key.
bool in_scenario(const Outline& o, int row) {
  int at = row;
  while (o.rows[static_cast<std::size_t>(at)].parent >= 0)
    at = o.rows[static_cast<std::size_t>(at)].parent;
  for (; at >= 0; --at) {
    const std::string& text = o.rows[static_cast<std::size_t>(at)].text;
    if (text == "---") return false;
    if (text.starts_with("scenario:")) return true;
  }
  return false;
}

void of_shapes(const Outline& o, int row, Sink& sink) {
  const auto& here = o.rows[static_cast<std::size_t>(row)];
  const std::string said = here.said();
  const int end = o.end_of(row);
  const std::vector<int> children = o.children(row);
  std::set<int> inside;
  for (int i = row - 1; i <= end; ++i) inside.insert(i);
  // A list written as a map, and the reverse.
  const bool head = matches(said, "^(?:- )?[a-z_]+:$");
  if (head && !children.empty() && !said.starts_with("starts_on")) {
    const bool list = o.rows[static_cast<std::size_t>(children.front())].said().starts_with("- ");
    Words other = {here.text};
    for (int i = row + 1; i < end; ++i) {
      const auto& line = o.rows[static_cast<std::size_t>(i)];
      const bool own = line.code && line.parent == row;
      std::string text = line.text;
      if (list) {
        if (own && line.said().starts_with("- "))
          text = std::string(line.indent, ' ') + "  " + line.text.substr(line.indent + 2);
      } else if (own) {
        text = std::string(line.indent, ' ') + "- " + line.text.substr(line.indent);
      } else if (!text.empty()) {
        text = "  " + text;
      }
      other.push_back(text);
    }
    sink.replace(list ? "yaml: map for a list" : "yaml: list for a map", row, end, other, inside);
    // What it declared is missed elsewhere.
    sink.last().anywhere = true;
    sink.replace("yaml: block missing", row, end, {here.text}, {row + 1, row - 1, here.parent});
    sink.last().anywhere = true;
    if (here.indent >= 2 || !said.starts_with("- ")) {
      Words flat = {here.text};
      for (int i = row + 1; i < end; ++i) {
        const auto& line = o.rows[static_cast<std::size_t>(i)];
        flat.push_back(line.indent >= 2 ? line.text.substr(2) : line.text);
      }
      if (!list) {  // a list may stand in the column of its key
        sink.replace("yaml: block not indented", row, end, flat, inside);
        sink.last().anywhere = true;
      }
    }
  }
  // A small map as a list, a small list as a map.
  std::string inner;
  if (const std::size_t at = group(here.text, ": (\\{ .* \\})$", inner);
      at != std::string::npos &&
      !matches(said, "^(- )?(for|with|starts_on|otherwise|any error|refused or gave_up):")) {
    std::string wrong = here.text;
    wrong.replace(at, inner.size(), "[" + inner.substr(2, inner.size() - 4) + "]");
    sink.change("yaml: list for a map", row, wrong);
  }
  if (const std::size_t at = group(here.text, ": (\\[.*\\])$", inner); at != std::string::npos) {
    std::string wrong = here.text;
    wrong.replace(at, inner.size(), "{ " + inner.substr(1, inner.size() - 2) + " }");
    sink.change("yaml: map for a list", row, wrong);
  }
  // Keys that other forms of it have, and clauses of other statements.
  if (matches(said, "^- (for_each|repeat_until|together|ask|branch|wait):")) {
    for (const char* key :
         {"retry: careful", "do: card.charge", "takes: { a: uuid }", "undo_with: x", "catch: []",
          "finally: []", "max: 3", "timeout: 5 minutes", "name: x", "while: true", "at_once: two",
          "collect: { a: b }", "parallel: true", "if: a"}) {
      sink.replace("yaml: stray key", row, row + 1,
                   {here.text, std::string(here.indent + 2, ' ') + key}, {row + 1});
    }
  }
  const bool clause =
      matches(said, "^(in|at_once|branches|question|of_role|answers|all_of|any_of|errors):") &&
      !(said.starts_with("errors") && !o.parent_said(row).starts_with("- try"));
  if (clause) {
    std::set<int> good = inside;
    good.insert(here.parent);
    for (int at = row; at >= 0; at = o.sibling(at, -1)) good.insert(at);
    sink.replace("yaml: line removed", row, end, {}, good);
    sink.last().anywhere = true;
  }
}

}  // namespace

void yaml_flow(const Outline& o, int row, Sink& sink) {
  const std::string& line = o.rows[static_cast<std::size_t>(row)].text;
  const bool told = in_scenario(o, row);
  if (told || !matches(o.parent_said(row), "^(takes|gives|fields|with|data|query|headers):")) {
    for (const Swap& swap : told ? sentences() : swaps()) {
      std::string word;
      const std::size_t at = group(line, swap.pattern, word);
      if (at == std::string::npos) continue;
      for (const std::string& with : swap.with) {
        std::string wrong = line;
        if (std::string_view(swap.kind) == "list") {
          if (word != "steps") continue;
          wrong.replace(at, line.size() - at, with);
        } else {
          wrong.replace(at, word.size(), with);
        }
        while (!wrong.empty() && wrong.back() == ' ') wrong.pop_back();
        sink.change(std::string("yaml: ") + swap.kind, row, wrong,
                    {row + 1, row - 1, o.sibling(row, 1)});
        sink.last().anywhere = std::string_view(swap.kind) == "collect";  // missed where it is read
      }
    }
  }
  if (!told) of_shapes(o, row, sink);
}

}  // namespace belay::mutations
