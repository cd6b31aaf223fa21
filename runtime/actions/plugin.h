// In-process actions: write one function, register it under the name that an action's `plugin` line
// uses, done.
//
//   void register_plugins(PluginRegistry& plugins) {
//     plugins.add("loyalty.add_points", [](const PluginCall& call) {
//       const std::int64_t points = call.args.find("points")->as_int();
//       return points > 0 ? PluginResult::success(interpreter::record({{"balance",
//       Value::integer(points)}}))
//                         : PluginResult::business("loyalty.no_points", "nothing to add");
//     });
//   }
//
// A plugin may block, and is called again with the same `key` when its outcome was lost: make the
// key its idempotency key. An exception that escapes counts as unsure. examples/plugin shows one
// with its test. Tested in tests/runtime/plugin_test.cpp.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "interpreter/journal.h"
#include "interpreter/value.h"

namespace belay::runtime {

struct PluginCall {
  const std::string& name;         // of the plugin
  const interpreter::Value& args;  // a record of the action's takes
  const std::string& key;          // the request key: the same for every repetition of one effect
  const std::string& tenant;
  const std::string& saga;
  // A step that says `alive every 10 seconds` wants to hear from a long call at least so often;
  // else it counts as unsure. May be called from any thread while the plugin runs, and does nothing
  // where nobody listens.
  std::function<void()> alive = [] {};
};

struct PluginResult {
  bool ok = false;
  interpreter::Value value;  // when ok: a record of the action's gives
  interpreter::FailureKind kind = interpreter::FailureKind::kTransient;
  std::string error, message;
  std::int64_t retry_after_ms = 0;

  static PluginResult success(interpreter::Value value);
  // It certainly did not happen and trying again will not help; `error` is one that the action
  // declares.
  static PluginResult business(std::string error, std::string message = {});
  // It certainly did not happen, trying again may help.
  static PluginResult transient(std::string message, std::int64_t retry_after_ms = 0);
  // It may have happened.
  static PluginResult unsure(std::string message);
};

class Plugin {
 public:
  virtual ~Plugin() = default;
  virtual PluginResult run(const PluginCall& call) = 0;  // several threads at once
};

using PluginFunction = std::function<PluginResult(const PluginCall&)>;

enum class PluginThread : std::uint8_t {
  kPool,    // one of the runner's threads
  kInline,  // the engine's own: only for what takes microseconds and never blocks
};

// Filled before the engine starts, then only read.
class PluginRegistry {
 public:
  void add(std::string name, PluginFunction function, PluginThread thread = PluginThread::kPool);
  void add(std::string name, std::shared_ptr<Plugin> plugin,
           PluginThread thread = PluginThread::kPool);

  std::vector<std::string> names() const;  // sorted: the compiler's catalog

  struct Registered {
    std::string name;
    PluginFunction function;
    PluginThread thread = PluginThread::kPool;
  };
  const Registered* find(const std::string& name) const;  // or nullptr

 private:
  std::vector<Registered> plugins_;  // sorted by name
};

}  // namespace belay::runtime
