// A plugin in one file: loyalty points, kept in a file, one line a booking. Everything a step
// plugin needs is here: read the arguments, use the request key so that a repetition changes
// nothing, say which kind of failure it was. Its test is loyalty_test.cpp; README.md tells how it
// gets into the engine.
#include <fstream>
#include <mutex>
#include <string>

#include "runtime/actions/plugin.h"

namespace belay::examples {

using interpreter::Value;
using runtime::PluginCall;
using runtime::PluginResult;

class AddPoints : public runtime::Plugin {
 public:
  explicit AddPoints(std::string file) : file_(std::move(file)) {}

  PluginResult run(const PluginCall& call) override {
    const std::int64_t points = call.args.find("points")->as_int();
    if (points <= 0)
      return PluginResult::business("loyalty.no_points", "a booking earns at least one point");
    const std::lock_guard lock(mutex_);
    if (!recorded(call.key)) {
      std::ofstream out(file_, std::ios::app);
      out << call.key << ' ' << points << '\n' << std::flush;
      // Nothing of the line, or all of it, may be on the disk: we do not know, so we say so.
      if (!out) return PluginResult::unsure("could not write " + file_);
    }
    return PluginResult::success(interpreter::record({{"balance", Value::integer(balance())}}));
  }

 private:
  bool recorded(const std::string& key) const {
    std::ifstream in(file_);
    std::string seen;
    std::int64_t points = 0;
    while (in >> seen >> points) {
      if (seen == key) return true;
    }
    return false;
  }

  std::int64_t balance() const {
    std::ifstream in(file_);
    std::string key;
    std::int64_t points = 0, sum = 0;
    while (in >> key >> points) sum += points;
    return sum;
  }

  const std::string file_;
  std::mutex mutex_;  // the engine calls from several threads
};

void register_plugins(runtime::PluginRegistry& plugins, const std::string& file) {
  plugins.add("loyalty.add_points", std::make_shared<AddPoints>(file));
}

}  // namespace belay::examples
