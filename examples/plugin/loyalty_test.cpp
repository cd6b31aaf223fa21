// The test of a plugin: call it as the engine would, twice under one key, and with arguments that
// make no sense.
#include <cstdio>

#include "runtime/actions/plugin.h"
#include "tests/catch.h"

namespace belay::examples {
void register_plugins(runtime::PluginRegistry& plugins, const std::string& file);
}

using belay::interpreter::record;
using belay::interpreter::Value;
using belay::runtime::PluginCall;
using belay::runtime::PluginRegistry;
using belay::runtime::PluginResult;

namespace {

PluginResult add(const PluginRegistry& plugins, std::int64_t points, const std::string& key) {
  const std::string name = "loyalty.add_points", tenant = "default", saga = "s";
  const Value args = record({{"points", Value::integer(points)}});
  return plugins.find(name)->function(PluginCall{name, args, key, tenant, saga});
}

}  // namespace

TEST_CASE("loyalty points are added once a key") {
  const std::string file = std::tmpnam(nullptr);
  PluginRegistry plugins;
  belay::examples::register_plugins(plugins, file);
  CHECK(add(plugins, 10, "s:points:do:0").value.find("balance")->as_int() == 10);
  CHECK(add(plugins, 10, "s:points:do:0").value.find("balance")->as_int() == 10);
  CHECK(add(plugins, 5, "t:points:do:0").value.find("balance")->as_int() == 15);
  CHECK(add(plugins, 0, "u:points:do:0").error == "loyalty.no_points");
  std::remove(file.c_str());
}

TEST_CASE("a file that cannot be written leaves one unsure") {
  PluginRegistry plugins;
  belay::examples::register_plugins(plugins, "/nonexistent/points.txt");
  const PluginResult result = add(plugins, 1, "s:points:do:0");
  CHECK_FALSE(result.ok);
  CHECK(result.kind == belay::interpreter::FailureKind::kUnsure);
}
