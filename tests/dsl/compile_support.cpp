#include "tests/dsl/compile_support.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/catch.h"

namespace belay::dsl::testing {

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

void check_golden(const std::string& name, const std::string& actual) {
  const std::string path =
      name.front() == '/' ? name : std::string(BELAY_SOURCE_DIR) + "/tests/golden/" + name;
  if (std::getenv("BELAY_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << actual;
    return;
  }
  INFO(name);
  CHECK(actual == read_file(path));
}

std::string world() {
  return read_file(std::string(BELAY_SOURCE_DIR) + "/tests/golden/diagnostics/world.belay");
}
std::string saga_text() {
  return read_file(std::string(BELAY_SOURCE_DIR) + "/tests/golden/graphs/confirm_booking.belay");
}
std::string saga_yaml() {
  return read_file(std::string(BELAY_SOURCE_DIR) + "/tests/golden/graphs/confirm_booking.yaml");
}

}  // namespace belay::dsl::testing
