// See verdict_text.h.
#include "runtime/api/verdict_text.h"

#include "runtime/api/history_text.h"

namespace belay::runtime::api {

using namespace interpreter;

std::string verdict_line(const Verdict& verdict) {
  const std::string entry = std::to_string(verdict.entry);
  switch (verdict.kind) {
    case VerdictKind::kSame: return "same";
    case VerdictKind::kCannot: return "cannot continue: entry " + entry + ": " + verdict.why;
    case VerdictKind::kDiffers: break;
  }
  if (!verdict.ahead) return "continues differently from entry " + entry + ": " + verdict.why;
  std::string line = "continues differently after its last entry";
  for (std::size_t i = 0; i < verdict.changed.size(); ++i)
    line += (i == 0 ? ": changed is `" : ", `") + verdict.changed[i] + "`";
  return line;
}

std::vector<std::string> drawn_lines(const Graph& graph, const std::vector<Drawn>& drawn) {
  Entry entry;
  entry.fact = CancelAsked{};
  entry.drawn = drawn;
  return history_line(graph, entry).follows;
}

std::string verdict_json(const Verdict& verdict, const Graph* from, const Graph* to) {
  JsonWriter w;
  w.begin_object().field("verdict", name(verdict.kind)).field("movable", verdict.movable());
  if (verdict.kind != VerdictKind::kSame)
    w.field("entry", verdict.entry).field("ahead", verdict.ahead);
  w.field("text", verdict_line(verdict));
  if (from != nullptr && !verdict.recorded.empty())
    w.strings("recorded", drawn_lines(*from, verdict.recorded));
  if (to != nullptr && !verdict.instead.empty())
    w.strings("instead", drawn_lines(*to, verdict.instead));
  if (!verdict.changed.empty()) w.strings("changed", verdict.changed);
  w.end_object();
  return w.take();
}

}  // namespace belay::runtime::api
