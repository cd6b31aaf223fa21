// The `belay` command as people and scripts use it: exit codes, what is printed, previews before
// acts.
#include <sys/wait.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "runtime/cli/terminal.h"
#include "tests/catch.h"
#include "tests/system/api_workspace.h"

using namespace belay::test;
namespace cli = belay::runtime::cli;

namespace {

struct Ran {
  int code = 0;
  std::string out;  // both streams
};

std::string quoted(const std::string& word) {
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

Ran run_belay(const std::vector<std::string>& words, const std::string& environment = "") {
  std::string line = environment + " " + quoted(BELAY_BINARY_DIR "/belay");
  for (const std::string& word : words) line += " " + quoted(word);
  FILE* pipe = popen((line + " 2>&1 </dev/null").c_str(), "r");
  REQUIRE(pipe != nullptr);
  Ran ran;
  char block[4096];
  while (const std::size_t n = std::fread(block, 1, sizeof block, pipe)) ran.out.append(block, n);
  const int status = pclose(pipe);
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

void check(const std::vector<std::string>& words, int code, const std::string& says,
           const std::string& environment = "") {
  const Ran ran = run_belay(words, environment);
  INFO((words.empty() ? "belay" : words[0]) << " → " << ran.code << "\n" << ran.out);
  CHECK(ran.code == code);
  CHECK(ran.out.find(says) != std::string::npos);
}

// What is printed is for people: no escape sequences when nobody looks, lines that end.
void check_plain(const std::string& text) {
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK((text.empty() || text.back() == '\n'));
}

}  // namespace

TEST_CASE("fmt lays files out, keeps comments, and leaves alone what it cannot read") {
  Folder folder;
  const auto write = [&](const std::string& name, const std::string& text) {
    std::ofstream(folder.path + "/" + name) << text;
    return folder.path + "/" + name;
  };
  const auto read = [&](const std::string& name) {
    std::ifstream in(folder.path + "/" + name);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  const std::string loose =
      "belay 1\n# a thing\ntype Guest   # who comes\n    id uuid\n\n\n    name    text # public\n";
  const std::string neat =
      "belay 1\n\n# a thing\ntype Guest  # who comes\n  id    uuid\n\n  name  text  # public\n";
  const std::string guest = write("guest.belay", loose);
  check({"fmt", "--check", folder.path}, 1, guest);
  CHECK(read("guest.belay") == loose);
  check({"fmt", guest}, 0, "formatted " + guest);
  CHECK(read("guest.belay") == neat);
  CHECK(run_belay({"fmt", folder.path}).out == "");
  check({"fmt", "--check", folder.path}, 0, "");

  const std::string broken = "belay 1\n\ntype Guest\n  id   uuid   twice\n";
  const std::string bad = write("bad.belay", broken);
  check({"fmt", folder.path}, 1, "bad.belay:4:15");
  check({"fmt", bad}, 1, "has problems and was left as it is");
  CHECK(read("bad.belay") == broken);
  std::filesystem::remove(bad);

  const std::string config = write("config.yaml", "a:   1\n");  // nobody's business
  check({"fmt", "--check", folder.path}, 0, "");
  check({"fmt", config}, 1, "it has no line `belay: 1`");
  check({"fmt", folder.path + "/none.belay"}, 1, "there is no file or folder");
  check({"fmt", write("notes.txt", "x")}, 1, "ends in neither .belay nor .yaml");
  check({"fmt", "-", guest}, 2, "stands alone");

  const std::string old =
      write("old.yaml", "# ours\nevent: a.b\nversion:   1\nkey: id\nfields: {id: uuid}\n");
  check({"fmt", old}, 1, "BEL1010");
  check({"fmt", "--upgrade", old}, 0, "formatted");
  CHECK(read("old.yaml") ==
        "belay: 1\n# ours\nevent: a.b\nversion: 1\nkey: id\nfields: { id: uuid }\n");
  const std::string schema = folder.path + "/.belay/schema.json";
  check({"schema", "--out", schema}, 0, "");
  check({"schema"}, 0, "http://json-schema.org/draft-07/schema#");
  CHECK(std::filesystem::file_size(schema) > 10000);
}

TEST_CASE("commands on definitions need no server") {
  Folder folder;
  const std::string rooms = write_workspace(folder.path);
  check({"check", rooms}, 0, "1 workflow,");
  check({"check", rooms, "--format", "json"}, 0, "\"errors\":0");
  check({"check", folder.path + "/nothing"}, 1, "there is no folder");
  check({"graph", "book", "--dir", rooms, "--format", "mermaid"}, 0, "hold");
  check({"graph", "bok", "--dir", rooms}, 1, "did you mean `book`?");
  check({"convert", rooms + "/book.belay", "--to", "yaml"}, 0, "workflow: book");
  check({"convert", rooms, "--to", "yaml"}, 2, "--out");
  check({"convert", rooms, "--to", "yaml", "--out", folder.path + "/yaml"}, 0, "");
  check({"check", folder.path + "/yaml"}, 0, "1 workflow,");
  check({"explain", "bel2001"}, 0, "why it matters");
  check({"explain", "BEL9999"}, 1, "no diagnostic");
  check({"explain", "book", "--dir", rooms}, 0, "What if");
  check({"explain", "book", "--dir", rooms, "--format", "html"}, 0, "<!doctype html>");
  check({"explain", "bok", "--dir", rooms}, 1, "did you mean `book`?");
  check({"explain", "book", "--dir", folder.path + "/nothing"}, 1, "no such folder");
  check({"test", rooms}, 0, "0 scenarios");
  check({"test", rooms, "--filter", "none"}, 1, "no scenario");
  std::ofstream(folder.path + "/rooms/scenarios.belay")
      << "belay 1\n\nscenario \"It ends\" for book\n  when paid arrives\n  then it ends completed\n"
      << "scenario \"It does not\" for book\n  then it ends completed\n";
  check({"test", rooms}, 1, "2 scenarios: 1 as expected, 1 not");
  check({"test", rooms, "--filter", "It ends"}, 0, "1 scenario: 1 as expected");
  check({"test", rooms, "--format", "json"}, 1, "\"failed\":1");
  check({"test", folder.path + "/nothing"}, 1, "there is no folder");
  check({"nonsense"}, 2, "");
  check({}, 2, "");
  std::ofstream(folder.path + "/rooms/broken.belay")
      << "belay 1\n\nworkflow x \"X\", version 1\n  step a\n    do no.such\n";
  check({"check", rooms}, 1, "broken.belay:5");
  check({"serve", rooms}, 1, "not serving definitions with errors");
  check({"serve", rooms, "--listen", "nowhere"}, 2, "HOST:PORT");
}

TEST_CASE("without a server a command says so, and how to name one") {
  const std::string nobody = "http://127.0.0.1:" + std::to_string(free_port());
  check({"list", "--server", nobody}, 3, "no Belay server answers");
  check({"list"}, 3, "BELAY_SERVER", "BELAY_SERVER=" + nobody);
}

TEST_CASE("sagas on the command line, from start to end") {
  const RoomServer server;
  const std::string env = "BELAY_SERVER=" + server.url;
  check({"workflows"}, 0, "book", env);
  check({"start", "boook", "--input", "{}"}, 1, "did you mean `book`?", env);
  check({"start", "book", "--input", "{}"}, 1, "booking", env);
  check({"start", "book", "--input", "@/nowhere"}, 1, "/nowhere", env);
  const std::string input =
      R"({"booking":"b-1","email":"a@b.org","amount":{"currency":"EUR","minor":4990}})";
  const Ran started = run_belay({"start", "book", "--input", input, "--key", "k"}, env);
  INFO(started.out);
  REQUIRE(started.code == 0);
  const std::string id = started.out.substr(0, 36);
  check({"start", "book", "--input", input, "--key", "k"}, 0, "it was started before", env);
  check({"publish", "room.paid", "--key", "b-1", "--id", "p-1", "--payload",
         R"({"amount":{"currency":"EUR","minor":4990}})"},
        0, "p-1", env);
  check({"publish", "room.paid", "--key", "b-1", "--id", "p-1", "--payload",
         R"({"amount":{"currency":"EUR","minor":4990}})"},
        0, "before", env);
  check({"events"}, 0, "room.paid", env);
  // The same start again waits until somebody is needed: exit 1, because it did not complete.
  check({"start", "book", "--input", input, "--key", "k", "--wait", "20"}, 1, "unknown outcome",
        env);

  const Ran list = run_belay({"list"}, env);
  INFO(list.out);
  CHECK(list.out.find(id) != std::string::npos);
  CHECK(list.out.find("unknown_outcome") != std::string::npos);
  check_plain(list.out);
  check({"list", "--health", "quarantined"}, 0, "no sagas", env);
  const Ran show = run_belay({"show", id}, env);
  INFO(show.out);
  CHECK(show.out.find("belay resolve " + id + " charge") != std::string::npos);
  CHECK(show.out.find("a@b.org") == std::string::npos);
  check_plain(show.out);

  check({"resolve", id, "charge", "--happened", "yes", "--evidence", "line 7", "--reason",
         "in the books"},
        1, "result", env);
  const std::vector<std::string> resolve = {"resolve",
                                            id,
                                            "charge",
                                            "--happened",
                                            "yes",
                                            "--evidence",
                                            "line 7",
                                            "--reason",
                                            "in the books",
                                            "--result",
                                            R"({"charge":"ch_1"})"};
  std::vector<std::string> dry = resolve, yes = resolve;
  dry.push_back("--dry-run");
  yes.push_back("--yes");
  check(dry, 0, "next", env);
  check(resolve, 2, "add --yes", env);
  check({"show", id}, 0, "unknown outcome", env);
  check(yes, 0, "done: completed", env);
  check({"cancel", id, "--reason", "late", "--yes"}, 1, "not possible now", env);

  const Ran history = run_belay({"history", id}, env);
  INFO(history.out);
  CHECK(history.out.find("started book version 1") != std::string::npos);
  CHECK(history.out.find("(local: in the books)") != std::string::npos);
  CHECK(history.out.find("→ completed") != std::string::npos);
  check_plain(history.out);
  check({"history", id, "--at", "2"}, 0, "running", env);
  check({"show", id, "--json"}, 0, "\"status\":\"completed\"", env);
  check({"list", "--status", "completed", "--json"}, 0, id, env);
  check({"list", "--status", "done"}, 1, "`status` must be", env);
}

TEST_CASE("erasing shows what will be lost, asks, and is done once") {
  const RoomServer server;
  const std::string env = "BELAY_SERVER=" + server.url;
  const std::vector<std::string> start = {
      "start",   "book",
      "--key",   "k",
      "--input", R"({"booking":"b-9","email":"a@b.org","amount":{"currency":"EUR","minor":4990}})"};
  const std::string id = run_belay(start, env).out.substr(0, 36);
  const std::vector<std::string> erase = {"erase", id, "--reason", "the person asked"};
  const auto with = [&](const char* flag) {
    std::vector<std::string> words = erase;
    words.emplace_back(flag);
    return words;
  };
  check(with("--yes"), 1, "it still needs its values", env);
  check({"cancel", id, "--reason", "late", "--yes"}, 0, "done", env);
  std::vector<std::string> waited = start;
  waited.insert(waited.end(), {"--wait", "20"});
  check(waited, 1, "compensated", env);
  const Ran dry = run_belay(with("--dry-run"), env);
  INFO(dry.out);
  CHECK(dry.code == 0);
  CHECK(dry.out.find("input `email` (private)") != std::string::npos);
  CHECK(dry.out.find("input `booking`\n") != std::string::npos);
  CHECK(dry.out.find("a@b.org") == std::string::npos);
  check_plain(dry.out);
  check(erase, 2, "add --yes", env);
  check({"show", id, "--json"}, 0, "\"booking\":\"b-9\"", env);
  check(with("--yes"), 0, "done: erased", env);
  const Ran shown = run_belay({"show", id, "--json"}, env);
  INFO(shown.out);
  CHECK(shown.out.find("\"erased\":true") != std::string::npos);
  CHECK(shown.out.find("\"input\":{}") != std::string::npos);
  check(with("--yes"), 0, "it was erased before", env);
  check({"erase", "00000000-0000-7000-8000-000000000000", "--reason", "x"}, 1, "not_found", env);
  check({"erase", id}, 2, "--reason", env);
}

TEST_CASE("keys are made, asked for, and revoked") {
  const RoomServer server({"--require-keys"});
  const std::string data = server.folder.path + "/data", env = "BELAY_SERVER=" + server.url;
  check({"list"}, 1, "unauthenticated", env);
  const Ran made = run_belay({"keys", "create", "--tenant", "default", "--role", "viewer", "--name",
                              "anna", "--data", data, "--json"});
  INFO(made.out);
  REQUIRE(made.code == 0);
  const auto json = nlohmann::json::parse(made.out);
  const std::string key = text_at(json, "/key");
  check({"list"}, 0, "no sagas", env + " BELAY_API_KEY=" + key);
  check({"start", "book"}, 1, "forbidden", env + " BELAY_API_KEY=" + key);
  check({"keys", "list", "--data", data}, 0, "anna", "");
  check({"keys", "revoke", text_at(json, "/id"), "--data", data}, 0, "revoked");
  check({"keys", "revoke", text_at(json, "/id"), "--data", data}, 1, "no valid key");
  check({"serve", server.folder.path + "/rooms", "--listen", "0.0.0.0:0", "--data", data}, 1,
        "no API key yet");
}

TEST_CASE(
    "tables line up whatever is in them, and nothing in them reaches the terminal's controls") {
  const cli::Terminal plain(false);
  CHECK(cli::table(plain, {"A", "B"}, {{"x", "1"}, {"日本", "2"}, {"yyyyy", ""}}) ==
        "A      B\nx      1\n日本   2\nyyyyy\n");
  CHECK(cli::harmless("a\x1b[31mb\nc\xff") == "a\xef\xbf\xbd[31mb c\xef\xbf\xbd");
  CHECK(cli::shortened("日本語", 5) == "日本…");
  CHECK(cli::offset(1'234'567) == "+1.234s");
  CHECK(cli::offset(65'000'000) == "+1m05s");
  CHECK(cli::relative(0, 5) == "");
  CHECK(cli::relative(1'000'000, 200'000'000) == "3 min ago");
  CHECK(cli::relative(7'300'000'000, 1'000'000) == "in 2 h");
}
