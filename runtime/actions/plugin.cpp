// Results and the registry of plugins. See plugin.h.
#include "runtime/actions/plugin.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace belay::runtime {

PluginResult PluginResult::success(interpreter::Value value) {
  PluginResult out;
  out.ok = true;
  out.value = std::move(value);
  return out;
}

PluginResult PluginResult::business(std::string error, std::string message) {
  PluginResult out;
  out.kind = interpreter::FailureKind::kBusiness;
  out.error = std::move(error);
  out.message = std::move(message);
  return out;
}

PluginResult PluginResult::transient(std::string message, std::int64_t retry_after_ms) {
  PluginResult out;
  out.kind = interpreter::FailureKind::kTransient;
  out.error = "unavailable";
  out.message = std::move(message);
  out.retry_after_ms = retry_after_ms;
  return out;
}

PluginResult PluginResult::unsure(std::string message) {
  PluginResult out;
  out.kind = interpreter::FailureKind::kUnsure;
  out.error = "no_answer";
  out.message = std::move(message);
  return out;
}

void PluginRegistry::add(std::string name, PluginFunction function, PluginThread thread) {
  BELAY_CHECK(!name.empty() && function != nullptr, "a plugin has a name and a function");
  BELAY_CHECK(find(name) == nullptr, "a plugin's name is registered once");
  const auto at = std::lower_bound(
      plugins_.begin(), plugins_.end(), name,
      [](const Registered& plugin, const std::string& n) { return plugin.name < n; });
  plugins_.insert(at, Registered{std::move(name), std::move(function), thread});
}

void PluginRegistry::add(std::string name, std::shared_ptr<Plugin> plugin, PluginThread thread) {
  BELAY_CHECK(plugin != nullptr, "a plugin is there");
  add(
      std::move(name),
      [plugin = std::move(plugin)](const PluginCall& call) { return plugin->run(call); }, thread);
}

std::vector<std::string> PluginRegistry::names() const {
  std::vector<std::string> names;
  for (const Registered& plugin : plugins_) names.push_back(plugin.name);
  return names;
}

const PluginRegistry::Registered* PluginRegistry::find(const std::string& name) const {
  const auto at = std::lower_bound(
      plugins_.begin(), plugins_.end(), name,
      [](const Registered& plugin, const std::string& n) { return plugin.name < n; });
  return at != plugins_.end() && at->name == name ? &*at : nullptr;
}

}  // namespace belay::runtime
