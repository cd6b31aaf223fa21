// Secrets: where they come from, what a missing one says, and that none turns into text by
// accident.
#include "runtime/base/secret.h"

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <type_traits>

#include "tests/catch.h"

using namespace belay::runtime;

template <class T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};

static_assert(!std::is_convertible_v<Secret, std::string>);
static_assert(!std::is_constructible_v<std::string, const Secret&>);
static_assert(!std::is_convertible_v<Secret, std::string_view>);
static_assert(!std::is_convertible_v<std::string, Secret>);
static_assert(!Printable<Secret>);

TEST_CASE("a secret comes from the environment") {
  setenv("BELAY_SECRET_STRIPE_KEY", "sk_test_1", 1);
  const auto secret = SecretStore("").resolve("stripe-key");
  REQUIRE(secret);
  CHECK(secret->reveal() == "sk_test_1");
  unsetenv("BELAY_SECRET_STRIPE_KEY");
}

TEST_CASE("a secret comes from a file, read afresh") {
  const auto directory =
      std::filesystem::temp_directory_path() / ("belay_secret_" + std::to_string(getpid()));
  std::filesystem::create_directories(directory);
  std::ofstream(directory / "mail") << "first\n";
  const SecretStore store(directory.string());
  CHECK(store.resolve("mail")->reveal() == "first");
  std::ofstream(directory / "mail") << "second";
  CHECK(store.resolve("mail")->reveal() == "second");
  std::filesystem::remove_all(directory);
}

TEST_CASE("a missing secret names the way out") {
  const auto secret = SecretStore("/nonexistent").resolve("calendar_token");
  REQUIRE(!secret);
  CHECK(secret.error().code == ErrorCode::kMisconfigured);
  CHECK(to_text(secret.error()) ==
        "the secret `calendar_token` is missing or empty; set the environment variable "
        "BELAY_SECRET_CALENDAR_TOKEN or write it to the file /nonexistent/calendar_token");
}

TEST_CASE("a secret's name is no path") {
  for (const char* name : {"", "../etc/passwd", "a/b", ".hidden", "a\nb"}) {
    CHECK(!SecretStore("/").resolve(name));
  }
}

TEST_CASE("moving and copying keep the bytes where they belong") {
  Secret a(std::string("whsec_short"));
  Secret b = a;
  CHECK(b.reveal() == "whsec_short");
  Secret c = std::move(a);
  CHECK(c.reveal() == "whsec_short");
  CHECK(a.empty());
  c = b;
  CHECK(c.reveal() == "whsec_short");
  std::string text(100, 'x');
  const Secret d(std::move(text));
  CHECK(text.empty());
  CHECK(d.reveal().size() == 100);
}
