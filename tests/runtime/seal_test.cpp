// Sealing: what opens, what does not, and what may be read without a key.
#include "runtime/base/seal.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/catch.h"

using namespace belay::runtime;

namespace {

const char* const kMaster = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const char* const kOther = "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

}  // namespace

TEST_CASE("seal: what is sealed opens at its place, under its key, undamaged, and nowhere else") {
  const DataKey key = DataKey::random();
  const std::string blob = key.seal("ann@example.org", "saga-1:1");
  CHECK(blob.find("ann") == std::string::npos);
  CHECK(key.seal("ann@example.org", "saga-1:1") != blob);
  CHECK(*key.open(blob, "saga-1:1") == "ann@example.org");
  CHECK(!key.open(blob, "saga-1:2"));
  CHECK(!DataKey::random().open(blob, "saga-1:1"));
  for (const std::size_t at : {std::size_t{0}, blob.size() / 2}) {
    std::string damaged = blob;
    damaged[at] = damaged[at] == 'A' ? 'B' : 'A';
    CHECK(!key.open(damaged, "saga-1:1"));
  }
  CHECK(!key.open("", "saga-1:1"));
  CHECK(!key.open("not base64!", "saga-1:1"));
  CHECK(*key.open(key.seal("", "x"), "x") == "");
}

TEST_CASE("seal: a wrapped key opens under its master and for its saga alone") {
  const auto master = *Sealer::from_text(kMaster);
  const DataKey key = DataKey::random();
  const std::string wrapped = master->wrap(key, "saga-1");
  const auto again = Sealer::from_text(kMaster);
  REQUIRE(again);
  const auto opened = (*again)->unwrap(wrapped, "saga-1");
  REQUIRE(opened);
  CHECK(*(*opened)->open(key.seal("x", "p"), "p") == "x");
  CHECK(!master->unwrap(wrapped, "saga-2"));
  const auto wrong = (*Sealer::from_text(kOther))->unwrap(wrapped, "saga-1");
  REQUIRE(!wrong);
  CHECK(wrong.error().message == "its private values are sealed under another master key");
}

TEST_CASE("seal: what is no key is refused") {
  for (const char* text :
       {"", "short", "AAEC", "zz0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"}) {
    CHECK(Sealer::from_text(text).error().code == ErrorCode::kMisconfigured);
  }
}

TEST_CASE("seal: a key file is made once, for its owner alone") {
  char folder[] = "/tmp/belay_seal_XXXXXX";
  REQUIRE(mkdtemp(folder) != nullptr);
  const std::string path = std::string(folder) + "/seal.key";
  CHECK(Sealer::from_file(path, false).error().code == ErrorCode::kMisconfigured);
  const auto first = Sealer::from_file(path, true);
  REQUIRE(first);
  struct stat info {};
  REQUIRE(stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  CHECK((*Sealer::from_file(path, true))->mac("x") == (*first)->mac("x"));
  unlink(path.c_str());
  rmdir(folder);
}

TEST_CASE("seal: forms say what they are") {
  const DataKey key = DataKey::random();
  const std::string value = sealed_value(key, R"({"email":"a"})", "p");
  CHECK(is_sealed_value(value));
  CHECK(!is_sealed_value(R"({"email":"\"$sealed\":\""})"));
  CHECK(*open_value(key, value, "p") == R"({"email":"a"})");
  CHECK(!sealed_by(value));
  const std::string payload = sealed_payload(key, {"saga-1", 7}, "{}", "e");
  REQUIRE(sealed_by(payload));
  CHECK(sealed_by(payload)->saga == "saga-1");
  CHECK(sealed_by(payload)->lane == 7);
  CHECK(*open_value(key, payload, "e") == "{}");
  for (const char* readable : {"{}", R"({"path":"capture"})"}) {
    const std::string body = sealed_body(key, readable, R"({"path":"capture","result":1})", "s:1");
    CHECK(is_sealed_body(body));
    CHECK(*open_body(key, body, "s:1") == R"({"path":"capture","result":1})");
    CHECK(body.starts_with(std::string(readable).substr(0, std::string(readable).size() - 1)));
  }
}
