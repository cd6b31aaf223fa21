// The picture as dot, mermaid and json. Shapes mean the same in each: a wait is a hexagon, a
// question a diamond, an undo dashed and red, the point of no return a bold line.
#include <array>
#include <map>

#include "dsl/graph_picture.h"

namespace belay::dsl {
namespace {

using Box = Picture::Box;

std::string replaced(std::string_view text, const std::map<char, std::string_view>& by) {
  std::string out;
  for (char c : text) {
    if (auto found = by.find(c); found != by.end())
      out += found->second;
    else
      out += c;
  }
  return out;
}

std::string dot_text(std::string_view text) {
  return "\"" + replaced(text, {{'"', "\\\""}, {'\\', "\\\\"}, {'\n', "\\n"}}) + "\"";
}
std::string mermaid_text(std::string_view text) {
  return "\"" +
         replaced(text,
                  {{'"', "#quot;"}, {'#', "#35;"}, {'<', "#lt;"}, {'>', "#gt;"}, {'\n', "<br/>"}}) +
         "\"";
}
std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      (out += '\\') += c;
    else if (c == '\n')
      out += "\\n";
    else if (byte < 0x20)
      out += std::string("\\u00") + "0123456789abcdef"[byte >> 4] + "0123456789abcdef"[byte & 15];
    else
      out += c;
  }
  return out + "\"";
}

// What stands in the box, line by line.
std::string label_of(const Box& box) {
  std::string label = box.title;
  if (box.kind == "cancel") label = "cancel" + (label.empty() ? "" : ": " + label);
  if (box.kind == "publish") label = "publish\n" + label;
  if (box.kind == "pause") label = "pause\n" + label;
  if (!box.detail.empty()) label += "\n" + box.detail;
  if (!box.limit.empty()) label += "\nwithin " + box.limit;
  return label;
}

// Graphviz attributes of a kind.
std::string_view dot_style(std::string_view kind) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 20> kStyles{{
      {"start", R"(shape=oval, style=filled, fillcolor="#e8f0fe")"},
      {"end", R"(shape=oval, style=filled, fillcolor="#e6f4ea")"},
      {"finish", R"(shape=oval, style=filled, fillcolor="#e6f4ea")"},
      {"step", R"(shape=box, style="rounded,filled", fillcolor="#ffffff")"},
      {"run", R"(shape=box3d, style=filled, fillcolor="#ffffff")"},
      {"ask", R"(shape=parallelogram, style=filled, fillcolor="#fef7e0")"},
      {"for_each", R"(shape=cds, style=filled, fillcolor="#e8eaed")"},
      {"repeat", R"(shape=cds, style=filled, fillcolor="#e8eaed")"},
      {"try", R"(shape=box, style="rounded,filled", fillcolor="#e8eaed")"},
      {"collect", R"(shape=note)"},
      {"undo", R"(shape=box, style="rounded,dashed", color="#c5221f", fontcolor="#c5221f")"},
      {"when", R"(shape=diamond, style=filled, fillcolor="#fef7e0")"},
      {"together",
       R"(shape=circle, width=0.15, fixedsize=true, style=filled, fillcolor="#5f6368")"},
      {"join", R"(shape=circle, width=0.15, fixedsize=true, style=filled, fillcolor="#5f6368")"},
      {"wait", R"(shape=hexagon, style=filled, fillcolor="#e8f0fe")"},
      {"pause", R"(shape=hexagon, style=filled, fillcolor="#f1f3f4")"},
      {"publish", R"(shape=cds, style=filled, fillcolor="#f3e8fd")"},
      {"set", R"(shape=note)"},
      {"cancel", R"(shape=octagon, style=filled, fillcolor="#fce8e6")"},
      {"hand_to", R"(shape=house, style=filled, fillcolor="#fef7e0")"},
  }};
  for (const auto& [name, style] : kStyles) {
    if (name == kind) return style;
  }
  return "shape=box";
}

void write_dot_box(const Box& box, const std::string& indent, std::string& out) {
  out += indent + dot_text(box.id) + " [";
  if (box.kind == "point_of_no_return") {
    out +=
        R"(shape=box, width=4, height=0.06, fixedsize=true, style=filled, fillcolor="#000000", label="", xlabel="point of no return")";
  } else if (box.kind == "together" || box.kind == "join") {
    out += std::string(dot_style(box.kind)) + ", label=\"\"";
  } else {
    out += std::string(dot_style(box.kind)) + ", label=" + dot_text(label_of(box));
  }
  if (!box.at.empty()) out += ", tooltip=" + dot_text(box.at);
  out += "];\n";
}

// A group, with the groups in it.
void write_dot_group(const Picture& picture, int group, const std::string& indent,
                     std::string& out) {
  for (const Box& box : picture.boxes) {
    if (box.group == group) write_dot_box(box, indent, out);
  }
  for (std::size_t i = 0; i < picture.groups.size(); ++i) {
    if (picture.groups[i].parent != group) continue;
    out += indent + "subgraph " + dot_text("cluster_" + picture.groups[i].id) + " {\n";
    out += indent + "  label=" + dot_text(picture.groups[i].label) +
           "; style=\"rounded,filled\"; color=\"#dadce0\"; fillcolor=\"#f8f9fa\";\n";
    write_dot_group(picture, static_cast<int>(i), indent + "  ", out);
    out += indent + "}\n";
  }
}

struct MermaidShape {
  std::string_view open, close;
};
MermaidShape mermaid_shape(std::string_view kind) {
  if (kind == "start" || kind == "end" || kind == "finish" || kind == "cancel") return {"([", "])"};
  if (kind == "when") return {"{", "}"};
  if (kind == "wait" || kind == "pause") return {"{{", "}}"};
  if (kind == "publish") return {"[/", "/]"};
  if (kind == "ask") return {"[/", "\\]"};
  if (kind == "run") return {"[[", "]]"};
  if (kind == "together" || kind == "join") return {"((", "))"};
  if (kind == "point_of_no_return") return {"[[", "]]"};
  if (kind == "hand_to") return {">", "]"};
  if (kind == "step" || kind == "undo") return {"(", ")"};
  return {"[", "]"};
}

void write_mermaid_group(const Picture& picture, int group,
                         const std::map<std::string, std::string>& ids, const std::string& indent,
                         std::string& out) {
  for (const Box& box : picture.boxes) {
    if (box.group != group) continue;
    const MermaidShape shape = mermaid_shape(box.kind);
    const bool dot = box.kind == "together" || box.kind == "join";
    out += indent + ids.at(box.id) + std::string(shape.open) +
           (dot ? "\" \"" : mermaid_text(label_of(box))) + std::string(shape.close);
    if (box.kind == "undo" || box.kind == "cancel" || box.kind == "point_of_no_return")
      out += ":::" + box.kind;
    out += "\n";
  }
  for (std::size_t i = 0; i < picture.groups.size(); ++i) {
    if (picture.groups[i].parent != group) continue;
    out += indent + "subgraph g" + std::to_string(i) + "[" + mermaid_text(picture.groups[i].label) +
           "]\n";
    write_mermaid_group(picture, static_cast<int>(i), ids, indent + "  ", out);
    out += indent + "end\n";
  }
}

}  // namespace

std::string picture_dot(const Picture& picture) {
  std::string out = "digraph " + dot_text(picture.workflow) + " {\n";
  out += "  rankdir=TB; fontname=\"sans-serif\"; nodesep=0.4; ranksep=0.35; forcelabels=true;\n";
  out +=
      "  node [fontname=\"sans-serif\", fontsize=11];\n  edge [fontname=\"sans-serif\", "
      "fontsize=9];\n";
  write_dot_group(picture, -1, "  ", out);
  for (const Picture::Arrow& arrow : picture.arrows) {
    out += "  " + dot_text(arrow.from) + " -> " + dot_text(arrow.to);
    std::string attributes;
    if (!arrow.label.empty()) attributes = "label=" + dot_text(arrow.label);
    const auto add = [&](std::string_view text) {
      (attributes += attributes.empty() ? "" : ", ") += text;
    };
    // Undos stand beside their steps and lead back up: they must not push the forward path around.
    if (arrow.kind == "undo") add(R"(style=dashed, color="#c5221f", constraint=false)");
    if (arrow.kind == "again") add("style=dotted, constraint=false");
    if (arrow.kind == "error") add(R"(color="#b06000", fontcolor="#b06000")");
    if (!attributes.empty()) out += " [" + attributes + "]";
    out += ";\n";
  }
  for (const Picture::Arrow& arrow : picture.arrows) {
    if (arrow.kind == "undo" && arrow.to == "undo:" + arrow.from) {
      out += "  { rank=same; " + dot_text(arrow.from) + "; " + dot_text(arrow.to) + "; }\n";
    }
  }
  return out + "}\n";
}

std::string picture_mermaid(const Picture& picture) {
  std::map<std::string, std::string> ids;  // mermaid's own: names may be its keywords
  for (const Box& box : picture.boxes) ids.emplace(box.id, "n" + std::to_string(ids.size()));
  std::string out = "flowchart TD\n";
  write_mermaid_group(picture, -1, ids, "  ", out);
  std::string undo_links;
  int number = 0;
  for (const Picture::Arrow& arrow : picture.arrows) {
    const bool solid = arrow.kind == "forward" || arrow.kind == "again";
    out += "  " + ids.at(arrow.from) + (solid ? " -->" : " -.->");
    if (!arrow.label.empty()) out += "|" + mermaid_text(arrow.label) + "|";
    out += " " + ids.at(arrow.to) + "\n";
    if (arrow.kind == "undo")
      undo_links += (undo_links.empty() ? "" : ",") + std::to_string(number);
    ++number;
  }
  out += "  classDef undo stroke:#c5221f,color:#c5221f,stroke-dasharray:4\n";
  out += "  classDef cancel fill:#fce8e6,stroke:#c5221f\n";
  out += "  classDef point_of_no_return fill:#000,color:#fff,stroke-width:4px\n";
  if (!undo_links.empty()) out += "  linkStyle " + undo_links + " stroke:#c5221f\n";
  return out;
}

std::string picture_json(const Picture& picture) {
  std::string out = "{\n  \"workflow\": " + json_text(picture.workflow) +
                    ",\n  \"title\": " + json_text(picture.title) +
                    ",\n  \"version\": " + std::to_string(picture.version) + ",\n  \"nodes\": [";
  bool first = true;
  for (const Box& box : picture.boxes) {
    out += std::string(first ? "" : ",") + "\n    {\"id\": " + json_text(box.id) +
           ", \"kind\": " + json_text(box.kind) + ", \"title\": " + json_text(box.title);
    if (!box.detail.empty()) out += ", \"detail\": " + json_text(box.detail);
    if (!box.limit.empty()) out += ", \"limit\": " + json_text(box.limit);
    if (!box.at.empty()) out += ", \"at\": " + json_text(box.at);
    if (box.group >= 0)
      out += ", \"in\": " + json_text(picture.groups[static_cast<std::size_t>(box.group)].id);
    out += "}";
    first = false;
  }
  out += "\n  ],\n  \"groups\": [";
  first = true;
  for (const Picture::Group& group : picture.groups) {
    out += std::string(first ? "" : ",") + "\n    {\"id\": " + json_text(group.id) +
           ", \"kind\": " + json_text(group.kind) + ", \"label\": " + json_text(group.label);
    if (group.parent >= 0)
      out += ", \"in\": " + json_text(picture.groups[static_cast<std::size_t>(group.parent)].id);
    out += "}";
    first = false;
  }
  out += "\n  ],\n  \"edges\": [";
  first = true;
  for (const Picture::Arrow& arrow : picture.arrows) {
    out += std::string(first ? "" : ",") + "\n    {\"from\": " + json_text(arrow.from) +
           ", \"to\": " + json_text(arrow.to) + ", \"kind\": " + json_text(arrow.kind);
    if (!arrow.label.empty()) out += ", \"label\": " + json_text(arrow.label);
    out += "}";
    first = false;
  }
  return out + "\n  ]\n}\n";
}

}  // namespace belay::dsl
