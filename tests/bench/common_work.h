// The common work of the peers (docs/performance.md), as definitions and plugins: shared by the
// benchmarks that run it.
#pragma once
#include "runtime/actions/plugin.h"

namespace belay::bench {

inline constexpr const char* kCommonWork = R"(belay 1

action bench.step
  records
  takes
    order  text
  gives
    id  text
    ok  bool
  repeating is safe
  plugin bench.step

action bench.fail
  records
  takes
    order  text
  can end in bench.no
  repeating is safe
  plugin bench.fail

action bench.undo
  records
  takes
    id  text
  repeating is safe
  plugin bench.undo

workflow bench_ok, version 1
  takes
    order  text
  gives
    id = notify.id
  step hold
    do bench.step
      order = order
    undo with bench.undo
      id = hold.id
  step intent
    do bench.step
      order = order
    undo with bench.undo
      id = intent.id
  step capture
    do bench.step
      order = order
    undo with bench.undo
      id = capture.id
  step confirm
    do bench.step
      order = order
    undo with bench.undo
      id = confirm.id
  step notify
    do bench.step
      order = order
    no undo because "A message cannot be unsent"

workflow bench_comp, version 1
  takes
    order  text
  step hold
    do bench.step
      order = order
    undo with bench.undo
      id = hold.id
  step intent
    do bench.step
      order = order
    undo with bench.undo
      id = intent.id
  step capture
    do bench.step
      order = order
    undo with bench.undo
      id = capture.id
  step confirm
    do bench.fail
      order = order
    no undo because "It never succeeds"
    if bench.no, cancel because "It was refused"

workflow bench_sleep, version 1
  takes
    order  text
  pause for 1 hour
)";

inline runtime::PluginRegistry common_plugins() {
  runtime::PluginRegistry registry;
  const auto answer = [](const runtime::PluginCall&) {
    return runtime::PluginResult::success(interpreter::record(
        {{"id", interpreter::Value::string("0190d6a8-0000-7000-8000-00000000abcd")},
         {"ok", interpreter::Value::boolean(true)}}));
  };
  const auto refuse = [](const runtime::PluginCall&) {
    return runtime::PluginResult::business("bench.no", "no");
  };
  const auto nothing = [](const runtime::PluginCall&) {
    return runtime::PluginResult::success(interpreter::record({}));
  };
  registry.add("bench.step", answer, runtime::PluginThread::kInline);
  registry.add("bench.fail", refuse, runtime::PluginThread::kInline);
  registry.add("bench.undo", nothing, runtime::PluginThread::kInline);
  return registry;
}

}  // namespace belay::bench
