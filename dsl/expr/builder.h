// The stack on which the grammar's actions build the tree: operands that are finished, operators
// that wait for theirs, open brackets. No PEGTL in here; parse.cpp calls these.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/expr/tree.h"

namespace belay::dsl {

// Thrown by actions, caught in parse_expression: it never leaves parse.cpp.
struct Failed {
  SyntaxProblem problem;
};

struct Mark {  // a token: its text and where it stands
  std::string text;
  std::uint32_t begin = 0, end = 0;
};

struct Builder {
  std::string_view text;
  bool plain = false;
  std::size_t depth = 0;
  std::vector<Tree> nodes;  // operands, finished
  std::vector<Mark> marks;  // operators, names and opening brackets, waiting for their operands
  std::vector<std::size_t> frames;  // nodes.size() at each open bracket
  std::uint32_t closed_at = 0;      // end of the last closing bracket or keyword

  Tree pop() {
    Tree out = std::move(nodes.back());
    nodes.pop_back();
    return out;
  }
  Mark pop_mark() {
    Mark out = std::move(marks.back());
    marks.pop_back();
    return out;
  }
};

[[noreturn]] void fail(std::string_view code, std::size_t where, std::size_t length,
                       std::string message, std::string help);

void push_literal(Builder& b, LiteralRead read, std::uint32_t begin, std::uint32_t end);
// A node over the topmost `count` operands, in order.
Tree take(Builder& b, Op op, std::size_t count, const Mark& mark);
// Ends a bracket: the operands since its frame become the node's.
Tree close(Builder& b, Op op);
void binary(Builder& b, std::string op);
void negate_top(Builder& b, std::uint32_t begin, const Mark& mark);
// Joins two operands of `and` / `or`, flattening chains; refuses the two mixed without brackets.
void logical(Builder& b, Op op);
// Joins the marks of `is` and of the word after it into one operator.
void join_marks(Builder& b);
void push_present(Builder& b);

}  // namespace belay::dsl
