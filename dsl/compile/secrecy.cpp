// Where a private value may go. It is sealed under its saga's own key, so that it can be erased;
// what is kept elsewhere in the clear (keys, other sagas, events) outlives that. A value that is
// made from a private one is private. Arguments of actions are not looked at: telling somebody is
// what they are for.
#include <algorithm>

#include "dsl/compile/lowering.h"
#include "dsl/compile/programs.h"

namespace belay::dsl {

using interpreter::ExprKind;
using interpreter::ExprNode;
using interpreter::Program;
using interpreter::Type;

namespace {

bool holds_private(const Type& type) {
  return type.is_private || std::any_of(type.element.begin(), type.element.end(), holds_private) ||
         std::any_of(type.fields.begin(), type.fields.end(),
                     [](const interpreter::Field& field) { return holds_private(field.type); });
}

// Walks a program and knows of every chain of fields what it reads.
class Reads {
 public:
  Reads(const Program& program, const std::vector<interpreter::SlotInfo>& slots)
      : program_(program), slots_(slots) {}

  std::string first() {
    if (program_.empty()) return {};
    use(walk(static_cast<std::uint32_t>(program_.nodes.size() - 1)));
    return found_;
  }

 private:
  struct Path {  // nothing, when the value is no part of a name's
    const Type* type = nullptr;
    bool is_private = false;
    std::string text;
  };

  Path walk(std::uint32_t at) {
    const ExprNode& node = program_.nodes[at];
    switch (node.kind) {
      case ExprKind::kSlot:
        if (node.index >= slots_.size()) return {};
        return step({}, slots_[node.index].type, slots_[node.index].name);
      case ExprKind::kLocal: return node.index < locals_.size() ? locals_[node.index] : Path{};
      case ExprKind::kField: {
        const Path base = walk(node.args[0]);
        if (base.type == nullptr) return {};
        const interpreter::Field* field = find_field(base.type->fields, node.text);
        if (field == nullptr) return {base.type, base.is_private, base.text + "." + node.text};
        return step(base, field->type, base.text + "." + node.text);
      }
      case ExprKind::kHas:
      case ExprKind::kPresent:
        walk(node.args[0]);  // that it is there tells nothing of it
        return {};
      case ExprKind::kIndex: {
        const Path base = walk(node.args[0]);
        use(walk(node.args[1]));
        return element(base);
      }
      case ExprKind::kAll:
      case ExprKind::kExists:
      case ExprKind::kExistsOne:
      case ExprKind::kFilter:
      case ExprKind::kMapMacro:
      case ExprKind::kTransformMap: {
        const Path range = walk(node.args[0]);
        const std::size_t depth = locals_.size();
        if (node.index == 2) locals_.emplace_back();
        locals_.push_back(element(range));
        for (std::size_t i = 1; i < node.args.size(); ++i) use(walk(node.args[i]));
        locals_.resize(depth);
        return node.kind == ExprKind::kFilter ? range : Path{};
      }
      default:
        for (std::uint32_t arg : node.args) use(walk(arg));
        return {};
    }
  }

  static Path step(const Path& base, const Type& type, std::string text) {
    return {&type, base.is_private || type.is_private, std::move(text)};
  }
  static Path element(const Path& base) {
    if (base.type == nullptr) return {};
    if (base.type->element.empty()) return base;
    return step(base, base.type->element.front(), base.text);
  }
  void use(const Path& path) {
    if (!found_.empty() || path.type == nullptr) return;
    if (path.is_private || holds_private(*path.type)) found_ = path.text;
  }

  const Program& program_;
  const std::vector<interpreter::SlotInfo>& slots_;
  std::vector<Path> locals_;
  std::string found_;
};

}  // namespace

std::string Lowering::private_read(const Program& program) const {
  return Reads(program, graph_.slots).first();
}

void Lowering::refuse_private(const Expr& expr, const Program& program, std::string_view what) {
  if (program.empty() || expr.empty()) return;
  const std::string read = private_read(program);
  if (read.empty()) return;
  Diagnostic& d =
      error("BEL2032", expr.span,
            quoted(read) + " is private, and " + std::string(what) + " is kept in the clear");
  add_note(d,
           "it would still be there after the person has been erased; what is made from a private "
           "value is private");
  d.help = "use an id that says nothing about the person";
}

void Lowering::warn_private(const std::vector<Arg>& args,
                            const std::vector<interpreter::Field>& fields,
                            const std::vector<interpreter::Binding>& bindings,
                            std::string_view where,
                            const std::vector<interpreter::SlotInfo>& slots) {
  for (const Arg& arg : args) {
    const interpreter::Field* field = find_field(fields, arg.name.text);
    const interpreter::Binding* binding = find_binding(bindings, arg.name.text);
    if (field == nullptr || binding == nullptr || holds_private(field->type)) continue;
    const std::string read = Reads(binding->value, slots).first();
    if (read.empty()) continue;
    Diagnostic& d = warning("BEL2033", arg.value.span,
                            quoted(read) + " is private, and " + quoted(field->name) + " is not");
    add_note(d, "it goes into " + std::string(where) +
                    ", and stays there when private values are erased");
    d.help = "declare " + quoted(field->name) + " `private`, or pass an id instead";
  }
}

Type Lowering::tainted(const CheckedExpr& value) const {
  Type type = value.type;
  if (type.base == Type::Base::kError || holds_private(type)) return type;
  type.is_private = !value.program.empty() && !private_read(value.program).empty();
  return type;
}

}  // namespace belay::dsl
