// The language server's own parts: how places are counted, how messages are cut out of bytes, how
// the server takes both in any portions. What an editor sees is tested with a client library in
// tests/editors/lsp.mjs.
#include <string>
#include <vector>

#include "runtime/lsp/documents.h"
#include "runtime/lsp/framing.h"
#include "runtime/lsp/position.h"
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
