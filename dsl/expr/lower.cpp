// Checked tree → flat program, arguments before their users. What is constant is computed here,
// once, when that is certain to work and small; an operation that fails (1/0) stays, so that its
// error appears where CEL says.
#include "dsl/expr/check.h"
#include "interpreter/functions.h"

namespace belay::dsl {
namespace {

using interpreter::ExprKind;
using interpreter::ExprNode;
using interpreter::Program;
using interpreter::Value;

struct NoScope final : interpreter::Scope {
  const Value* slot(std::uint32_t) const override { return nullptr; }
  interpreter::Timestamp now() const override { return {}; }
};

bool is_scalar(const Value& value) {
  return value.kind() != Value::Kind::kList && value.kind() != Value::Kind::kMap &&
         value.kind() != Value::Kind::kOptional;
}

class Lowering {
 public:
  std::uint32_t lower(const Tree& node) {
    if (node.op == Op::kLiteral || node.found.constant)
      return push({.kind = ExprKind::kLiteral, .literal = node.literal});
    const std::size_t before = program_.nodes.size();
    ExprNode out{.kind = node.found.kind, .index = node.found.index};
    switch (node.found.kind) {
      case ExprKind::kSlot:
        out.text = node.text;
        if (node.op == Op::kField) out.text.clear();
        return push(std::move(out));
      case ExprKind::kLocal:
      case ExprKind::kNow: return push(std::move(out));
      case ExprKind::kField:
        out.text = node.text;
        out.args = {lower(node.args[0])};
        return push(std::move(out));
      case ExprKind::kHas:
        out.text = node.args[0].text;
        out.args = {lower(node.args[0].args[0])};
        return push(std::move(out));
      case ExprKind::kAll:
      case ExprKind::kExists:
      case ExprKind::kExistsOne:
      case ExprKind::kFilter:
      case ExprKind::kMapMacro:
      case ExprKind::kTransformMap:
      case ExprKind::kTransformEntries:
      case ExprKind::kSortBy:
      case ExprKind::kOptionalMap:
      case ExprKind::kOptionalFlatMap: return push_macro(node, std::move(out));
      case ExprKind::kLet:  // the name is args[0] of the tree
        out.args = {lower(node.args[1])};
        out.args.push_back(lower(node.args[2]));
        return push(std::move(out));
      case ExprKind::kOptionalField: out.text = node.text; break;
      case ExprKind::kCall:  // of plain CEL, where nobody has a function of that name
        if (node.found.index == unknown_index) out.text = node.text;
        break;
      default: break;
    }
    for (const Tree& arg : node.args) out.args.push_back(lower(arg));
    return fold(before, push(std::move(out)));
  }

  Program take() { return std::move(program_); }

 private:
  std::uint32_t push(ExprNode node) {
    program_.nodes.push_back(std::move(node));
    return static_cast<std::uint32_t>(program_.nodes.size() - 1);
  }

  std::uint32_t push_macro(const Tree& node, ExprNode out) {
    const std::size_t variables = node.found.index;
    if (variables == 1) out.index = 0;
    out.args = {lower(node.args[0])};
    const std::size_t first = variables + 1;
    // map(x, filter, transform): the filter stands first in the text, last in the node.
    out.args.push_back(lower(node.args.back()));
    if (node.args.size() > first + 1) out.args.push_back(lower(node.args[first]));
    return push(std::move(out));
  }

  // Replaces the nodes from `before` on, whose last is a call, by its value when they are literals
  // under one call.
  std::uint32_t fold(std::size_t before, std::uint32_t root) {
    const ExprNode& node = program_.nodes[root];
    if (node.kind != ExprKind::kCall || program_.nodes.size() - before != node.args.size() + 1)
      return root;
    Program part;
    for (std::size_t i = before; i < root; ++i) {
      if (program_.nodes[i].kind != ExprKind::kLiteral) return root;
      part.nodes.push_back(program_.nodes[i]);
    }
    part.nodes.push_back(node);
    for (std::uint32_t& arg : part.nodes.back().args) arg -= static_cast<std::uint32_t>(before);
    interpreter::Evaluated result = evaluate(part, NoScope());
    if (!result.ok || !is_scalar(result.value)) return root;
    program_.nodes.resize(before);
    return push({.kind = ExprKind::kLiteral, .literal = std::move(result.value)});
  }

  Program program_;
};

}  // namespace

interpreter::Program lower_expression(const Tree& tree, std::string source) {
  Lowering lowering;
  lowering.lower(tree);
  interpreter::Program program = lowering.take();
  program.source = std::move(source);
  return program;
}

}  // namespace belay::dsl
