// The language server's own parts: how places are counted, how messages are cut out of bytes, how
// the server takes both in any portions. What an editor sees is tested with a client library in
// tests/editors/lsp.mjs.
#include <algorithm>
#include <string>
#include <vector>

#include "runtime/lsp/documents.h"
#include "runtime/lsp/flow_map.h"
#include "runtime/lsp/framing.h"
#include "runtime/lsp/position.h"
#include "runtime/lsp/query.h"
#include "runtime/lsp/server.h"
#include "tests/catch.h"

using namespace belay::runtime::lsp;

namespace {

void check_place(const std::string& text, Position position, std::size_t offset) {
  INFO(text << " at " << position.line << ":" << position.character);
  const Lines lines(text);
  CHECK(lines.offset_of(position) == offset);
  CHECK(lines.position_of(offset) == position);
}

// The bodies and errors (`!…`) that come out of the bytes, fed in portions of every size.
void check_frames(const std::string& bytes, const std::vector<std::string>& expected) {
  for (const std::size_t portion : {bytes.size(), std::size_t{1}, std::size_t{7}}) {
    FrameReader reader;
    std::vector<std::string> out;
    for (std::size_t at = 0; at < bytes.size(); at += portion) {
      reader.feed(std::string_view(bytes).substr(at, portion));
      while (auto next = reader.next())
        out.push_back(next->error.empty() ? next->body : "!" + next->error);
    }
    INFO("portions of " << portion << ": " << bytes.substr(0, 200));
    CHECK(out == expected);
  }
}

}  // namespace

TEST_CASE("lsp: places count UTF-16 code units, and lines end in any break") {
  check_place("abc", {0, 0}, 0);
  check_place("abc", {0, 3}, 3);
  check_place("a\nb", {1, 1}, 3);
  check_place("a\r\nb", {0, 1}, 1);
  check_place("a\r\nb", {1, 0}, 3);
  check_place("ä x", {0, 2}, 3);        // two bytes, one unit
  check_place("€ x", {0, 2}, 4);        // three bytes, one unit
  check_place("😀 x", {0, 3}, 5);        // four bytes, two units
  check_place("\xff x", {0, 2}, 2);     // no UTF-8: one unit
  check_place("a\xf0\x9f", {0, 3}, 3);  // cut off
  check_place("", {0, 0}, 0);
}

TEST_CASE("lsp: places past an end are that end, and none is inside a character") {
  const Lines lines("ab\r\ncd");
  CHECK(lines.offset_of({0, 99}) == 2);
  CHECK(lines.offset_of({1, 99}) == 6);
  CHECK(lines.offset_of({99, 0}) == 6);
  CHECK(lines.offset_of({4294967295u, 4294967295u}) == 6);
  CHECK(byte_of("😀x", 1) == 0);
  CHECK(byte_of("😀x", 2) == 4);
  CHECK(utf16_units("a😀ä") == 4);
  CHECK(Lines("a\r\n").position_of(3) == Position{1, 0});
  CHECK(Lines("a\r\n").position_of(2) == Position{0, 1});  // in the break
}

TEST_CASE("lsp: spans of the compiler become ranges and places become spans") {
  belay::dsl::Sources sources;
  sources.add("a.belay", "x\r\n  \"😀\" name\r\n");
  const belay::dsl::Span name{.file = 0, .line = 2, .column = 10, .length = 4};
  const Range range = range_of(sources, name);
  CHECK((range == Range{{1, 7}, {1, 11}}));
  const belay::dsl::Span back = span_of(sources, 0, range.start);
  CHECK((back == belay::dsl::Span{.file = 0, .line = 2, .column = 10, .length = 0}));
  CHECK((range_of(sources, {.file = 0, .line = 99, .column = 5, .length = 9}) ==
         Range{{98, 0}, {98, 0}}));
}

TEST_CASE("lsp: messages are cut out of the bytes as they come") {
  check_frames(frame("{}") + frame("[1]"), {"{}", "[1]"});
  check_frames("content-length:2\r\nContent-Type: x\r\n\r\n{}", {"{}"});
  check_frames("Content-Type: x\r\nContent-Length: 0002\r\n\r\n{}", {"{}"});
  check_frames("Content-Length: 0\r\n\r\n" + frame("{}"), {"", "{}"});
  check_frames("Content-Length: 2\n\n{}", {"{}"});
}

TEST_CASE("lsp: damaged messages cost themselves, not the connection") {
  check_frames("X: 1\r\n\r\n" + frame("{}"), {"!a header without a Content-Length", "{}"});
  check_frames("Content-Length: -5\r\n\r\n" + frame("{}"),
               {"!a header without a Content-Length", "{}"});
  check_frames("Content-Length: 5x\r\n\r\n" + frame("{}"),
               {"!a header without a Content-Length", "{}"});
  check_frames("Content-Length: 99999999999999999999999\r\n\r\n" + frame("{}"),
               {"!a header without a Content-Length", "{}"});
  FrameReader reader;
  reader.feed(std::string(100'000, 'x'));
  std::size_t errors = 0;
  while (auto next = reader.next()) errors += !next->error.empty();
  CHECK(errors == 1);
  reader.feed(frame("{}"));
  CHECK_FALSE(reader.next()->error.empty());  // the end of the garbage
  CHECK(reader.next()->body == "{}");
}

TEST_CASE("lsp: a length that is too large is passed over without being kept") {
  FrameReader reader;
  reader.feed("Content-Length: " + std::to_string(kMessageBytesMax + 10) + "\r\n\r\n");
  CHECK_FALSE(reader.next()->error.empty());
  for (std::size_t left = kMessageBytesMax + 10; left > 0;) {
    const std::size_t now = std::min<std::size_t>(left, 1 << 20);
    reader.feed(std::string(now, 'x'));
    CHECK_FALSE(reader.next());
    left -= now;
  }
  reader.feed(frame("{}"));
  CHECK(reader.next()->body == "{}");
}

TEST_CASE("lsp: addresses of files become paths and paths addresses") {
  CHECK(path_of_uri("file:///a/b%20c/%C3%A4.belay") == "/a/b c/ä.belay");
  CHECK(path_of_uri("file://host/a/./b/../c.yaml") == "/a/c.yaml");
  CHECK_FALSE(path_of_uri("untitled:Untitled-1"));
  CHECK_FALSE(path_of_uri("file:///a%00b"));
  CHECK(uri_of_path("/a b/ä.belay") == "file:///a%20b/%C3%A4.belay");
}

TEST_CASE("lsp: what is typed faster than it is compiled is compiled once") {
  std::vector<std::string> sent;
  Server server({}, [&](std::string bytes) { sent.push_back(std::move(bytes)); });
  server.receive(frame(R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{}})"));
  server.receive(frame(
      R"({"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":)"
      R"({"uri":"untitled:a","languageId":"belay","version":1,"text":"belay 1\n\ntype A\n  a  txet\n"}}})"));
  for (int version = 2; version < 20; ++version) {
    server.receive(
        frame(R"({"jsonrpc":"2.0","method":"textDocument/didChange","params":{"textDocument":)"
              R"({"uri":"untitled:a","version":)" +
              std::to_string(version) +
              R"(},"contentChanges":[{"range":{"start":{"line":3,"character":2},"end":)"
              R"({"line":3,"character":2}},"text":"x"}]}})"));
  }
  CHECK(sent.size() == 1);  // the answer to `initialize`
  CHECK(server.unsettled());
  server.settle();
  REQUIRE(sent.size() == 2);
  CHECK(sent[1].find("\"version\":19") != std::string::npos);
  CHECK(sent[1].find("BEL1042") != std::string::npos);
  CHECK_FALSE(server.unsettled());
  server.settle();
  CHECK(sent.size() == 2);
}

namespace {

const std::string kShop = R"(belay 1

event shop.paid, version 1, key order
  order   text
  amount  money

event shop.sent, version 1, key order
  order  text
  note   text

action shop.hold
  reserves
  takes
    order  text
    days   int
  gives
    place  text
  repeating is safe
  plugin shop
  can end in shop.sold_out
  undone by shop.release
    place = result.place

action shop.release
  records
  takes
    place  text
  repeating is safe
  plugin shop
  can end in shop.no_such_place

workflow sell, version 1
  takes
    order  text
    price  money
  step hold
    do shop.hold
      order = order
      days  = 3
    if shop.sold_out, cancel because "Sold out"
  wait paid
    for shop.paid, key order
    within 1 hour, otherwise cancel because "Not paid"
  ask approve "May it go?" of role clerk
    answers
      agreed  bool
    within 1 hour, otherwise cancel because "Nobody said"
  publish shop.sent, key order
    note = hold.place
)";

// What is offered where the `|` stands in the last file.
std::vector<std::string> offered(std::string text, const std::string& path) {
  const std::size_t at = text.find('|');
  REQUIRE(at != std::string::npos);
  text.erase(at, 1);
  const belay::dsl::EditorCompilation view =
      belay::dsl::compile_for_editor({{"shop.belay", kShop}, {path, text}});
  const auto file = source_of(view, path);
  REQUIRE(file);
  const auto lines = static_cast<std::uint32_t>(
      std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
  const auto line_start = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
  const Completion found =
      complete_at(view, {*file, lines + 1, static_cast<std::uint32_t>(at - line_start + 1), 0});
  std::vector<std::string> labels;
  for (const Suggestion& s : found.items) labels.push_back(s.label);
  return labels;
}

// `wanted` are all offered, and none of `not_wanted`.
void check_offers(const std::string& text, const std::string& path,
                  const std::vector<std::string>& wanted,
                  const std::vector<std::string>& not_wanted = {}) {
  const std::vector<std::string> labels = offered(text, path);
  std::string all;
  for (const std::string& label : labels) all += label + ", ";
  INFO(text << "\noffered: " << all);
  for (const std::string& label : wanted) {
    INFO(label);
    CHECK(std::find(labels.begin(), labels.end(), label) != labels.end());
  }
  for (const std::string& label : not_wanted) {
    INFO("not " << label);
    CHECK(std::find(labels.begin(), labels.end(), label) == labels.end());
  }
}

void check_sentence(const std::string& lines, const std::vector<std::string>& wanted,
                    const std::vector<std::string>& not_wanted = {}) {
  check_offers("belay 1\n\nscenario \"It goes\" for sell\n" + lines + "\n", "case.belay", wanted,
               not_wanted);
}

}  // namespace

TEST_CASE("lsp: sentences of a scenario go on as their grammar says") {
  check_sentence("  |", {"given", "when", "then", "and"});
  check_sentence("  when |", {"hold", "paid", "the undo of", "the engine", "someone"},
                 {"approve", "arrives", "completed"});
  check_sentence("  when paid |", {"arrives", "never arrives", "fails with"}, {"hold"});
  check_sentence("  when paid never |", {"arrives"}, {"never arrives"});
  check_sentence("  when paid arrives |", {"twice", "early", "after", "with"}, {"arrives"});
  check_sentence("  when paid arrives with |", {"order", "amount"}, {"note", "price"});
  check_sentence("  when paid arrives with amount = EUR 1.00, |", {"order"}, {"amount"});
  check_sentence("  when paid arrives with amount = |", {"price", "order", "hold"}, {"amount"});
  check_sentence("  when hold fails with |", {"shop.sold_out", "refused"},
                 {"shop.no_such_place", "hold"});
  check_sentence("  when hold fails with shop.|", {"shop.sold_out"});
  check_sentence("  when the undo of |", {"hold"}, {"paid"});
  check_sentence("  when the undo of hold fails with |", {"shop.no_such_place"}, {"shop.sold_out"});
  check_sentence("  when hold gives |", {"place"}, {"order"});
  check_sentence("  when someone answers |", {"approve"}, {"hold", "paid"});
  check_sentence("  when someone answers approve with |", {"agreed"});
  check_sentence("  given |", {"order", "price"}, {"hold"});
  check_sentence("  given price = EUR 1.00\n  and |", {"order", "price"}, {"hold"});
  check_sentence("  when paid arrives\n  and hold |", {"fails with", "is unavailable"});
  check_sentence("  when paid arrives\n  then |", {"it", "nothing is", "undone is", "publishes"},
                 {"the engine"});
  check_sentence("  then it |", {"ends", "is held at", "publishes"});
  check_sentence("  then it ends |", {"completed", "compensated"}, {"ends"});
  check_sentence("  then undone is |", {"hold"}, {"paid"});
  check_sentence("  then it waits for |", {"paid", "approve"}, {"hold"});
  check_sentence("  then it publishes |", {"shop.sent"}, {"shop.paid"});
  check_sentence("  then it publishes shop.sent with |", {"note"}, {"amount"});
  check_sentence("  when paid arrives with\n    am|", {"amount", "order"});
  check_offers("belay 1\n\nscenario \"It goes\" for |\n", "case.belay", {"sell"}, {"hold"});
}

TEST_CASE("lsp: YAML writes the same sentences") {
  const std::string head = "belay: 1\nscenario: It goes\nfor: sell\n";
  const std::string path = "case.yaml";
  check_offers("belay: 1\nscenario: It goes\nfor: |\n", path, {"sell"}, {"shop.paid"});
  check_offers(head + "when:\n  - |\n", path, {"hold", "paid", "the undo of"}, {"step"});
  check_offers(head + "when:\n  - hold fails with |\nthen:\n  - it ends completed\n", path,
               {"shop.sold_out"}, {"shop.no_such_place"});
  check_offers(head + "when:\n  - paid arrives with amount = |\n", path, {"price"});
  check_offers(head + "then:\n  - it ends |\n", path, {"completed"});
  check_offers(head + "given: { |\n", path, {"order", "price"}, {"hold"});
  check_offers(head + "given: { price: = EUR 1.00, |\n", path, {"order"}, {"price"});
  check_offers(head + "given:\n  |\n", path, {"order", "price"});
}

TEST_CASE("lsp: maps on one line of YAML know their keys and values") {
  const std::string head =
      "belay: 1\nworkflow: w\nversion: 1\ntakes: { order: text, total: money }\nsteps:\n";
  const std::string step = head + "  - step: hold\n    do: shop.hold\n";
  const std::string path = "case.yaml";
  check_offers(step + "    with: { |\n", path, {"order", "days"}, {"place", "step"});
  check_offers(step + "    with: { order: = order, d|\n", path, {"days"}, {"order"});
  check_offers(step + "    with: { order: |\n", path, {"order", "total"}, {"days"});
  check_offers(step + "    with: { order: = |}\n", path, {"order", "total"});
  check_offers(step + "    with: { order: = total.|\n", path, {"minor", "currency"});
  check_offers(step + "    undo: { |\n", path, {"do", "with", "errors"}, {"step"});
  check_offers(step + "    undo: { do: |\n", path, {"shop.release"});
  check_offers(step + "    undo: { do: shop.release, |\n", path, {"with"}, {"do"});
  check_offers(step + "    undo: { do: shop.release, with: { |\n", path, {"place"}, {"days"});
  check_offers(step + "    undo: { do: shop.release, with: { place: = |\n", path, {"hold"});
  check_offers(step + "    undo: { do: shop.release, errors: { |\n", path, {"shop.no_such_place"},
               {"shop.sold_out"});
  check_offers(step + "    errors: { |\n", path, {"shop.sold_out"}, {"shop.no_such_place"});
  check_offers(step + "    errors: { shop.sold_out: { |\n", path, {"cancel", "hand_to"}, {"do"});
  check_offers(step + "    errors:\n      shop.sold_out: { |\n", path, {"cancel", "hand_to"},
               {"do"});
  check_offers(head + "  - wait: paid\n    for: { |\n", path, {"event", "key"}, {"step"});
  check_offers(head + "  - wait: paid\n    for: { event: |\n", path, {"shop.paid"}, {"shop.hold"});
  check_offers(head + "  - wait: paid\n    for: { event: shop.paid, key: |\n", path, {"order"});
  check_offers("belay: 1\nworkflow: w\nversion: 1\ntakes: { a: |\n", path, {"money", "text"});
}

TEST_CASE("lsp: a map on one line is told by what stands before the place") {
  const FlowMap map = flow_map_at("undo: { do: a.b, with: { x: '= [1, 2]', y: = z");
  REQUIRE(map.frames.size() == 2);
  CHECK(map.frames[0].of == "undo");
  CHECK(map.frames[0].value("do") == "a.b");
  CHECK(map.frames[1].of == "with");
  CHECK(map.frames[1].value("x") == "'= [1, 2]'");
  CHECK(map.key == "y");
  CHECK(map.typed == "= z");
  CHECK(!flow_map_at("do: a.b").open());
  CHECK(!flow_map_at("with: { a: 1 }").open());
  CHECK(!flow_map_at("tags: [a, b").open());
  for (const char* odd : {"", "{", "}", "{{{", "}]},:", "'", "{ '", ": : {", "{a: \"", "[{]}"})
    flow_map_at(odd);
}
