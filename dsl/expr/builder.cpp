// Building the tree of an expression, bottom up. Tested through tests/dsl/expr_parse_test.cpp.
#include "dsl/expr/builder.h"

#include <algorithm>
#include <iterator>

namespace belay::dsl {
namespace {

std::string slice(const Builder& b, const Tree& node) {
  return std::string(b.text.substr(node.begin, node.end - node.begin));
}

// `a or b and c`: which belongs together? Only words are ambiguous to a reader; `&&` and `||` are
// CEL's.
void refuse_mix(const Builder& b, const Tree& left, const Tree& right, const Mark& op,
                bool op_word) {
  const bool left_and = left.op == Op::kAnd && !left.bracketed,
             right_and = right.op == Op::kAnd && !right.bracketed;
  if (b.plain || (!left_and && !right_and)) return;
  if (!op_word && !(left_and && left.word) && !(right_and && right.word)) return;
  const std::string l =
      left.op == Op::kOr && !left.args.empty() ? slice(b, left.args.back()) : slice(b, left);
  const std::string help =
      left_and ? "write `(" + l + ") or " + slice(b, right) + "`, or put the brackets elsewhere"
               : "write `" + l + " or (" + slice(b, right) + ")`, or put the brackets elsewhere";
  const std::uint32_t where = left_and ? op.begin : right.mark;
  const std::uint32_t length = left_and ? op.end - op.begin : right.mark_length;
  fail("BEL1208", where, length, "`and` and `or` are mixed without brackets", help);
}

}  // namespace

[[noreturn]] void fail(std::string_view code, std::size_t where, std::size_t length,
                       std::string message, std::string help) {
  throw Failed{{code, static_cast<std::uint32_t>(where), static_cast<std::uint32_t>(length),
                std::move(message), std::move(help)}};
}

void push_literal(Builder& b, LiteralRead read, std::uint32_t begin, std::uint32_t end) {
  if (read.problem) {
    read.problem->at += begin;
    throw Failed{std::move(*read.problem)};
  }
  Tree node;
  node.literal = std::move(*read.value);
  node.begin = node.mark = begin;
  node.end = end;
  node.mark_length = end - begin;
  b.nodes.push_back(std::move(node));
}

Tree take(Builder& b, Op op, std::size_t count, const Mark& mark) {
  Tree node;
  node.op = op;
  node.mark = mark.begin;
  node.mark_length = mark.end - mark.begin;
  const auto first = b.nodes.end() - static_cast<std::ptrdiff_t>(count);
  node.args.assign(std::make_move_iterator(first), std::make_move_iterator(b.nodes.end()));
  b.nodes.erase(first, b.nodes.end());
  node.begin = node.args.empty() ? mark.begin : std::min(mark.begin, node.args.front().begin);
  node.end = node.args.empty() ? mark.end : std::max(mark.end, node.args.back().end);
  return node;
}

void binary(Builder& b, std::string op) {
  Mark mark = b.pop_mark();
  Tree node = take(b, Op::kBinary, 2, mark);
  node.text = std::move(op);
  b.nodes.push_back(std::move(node));
}

void negate_top(Builder& b, std::uint32_t begin, const Mark& mark) {
  Tree node = take(b, Op::kNot, 1, mark);
  node.begin = std::min(node.begin, begin);
  b.nodes.push_back(std::move(node));
}

void logical(Builder& b, Op op) {
  const Mark mark = b.pop_mark();
  const bool is_word = mark.text == "and" || mark.text == "or";
  Tree right = b.pop();
  Tree left = b.pop();
  if (op == Op::kOr) refuse_mix(b, left, right, mark, is_word);
  if (left.op == op && !left.bracketed) {
    left.end = right.end;
    left.word = left.word || is_word;
    left.args.push_back(std::move(right));
    b.nodes.push_back(std::move(left));
    return;
  }
  b.nodes.push_back(std::move(left));
  b.nodes.push_back(std::move(right));
  Tree node = take(b, op, 2, mark);
  node.word = is_word;
  b.nodes.push_back(std::move(node));
}

Tree close(Builder& b, Op op) {
  const Mark open = b.pop_mark();
  const std::size_t from = b.frames.back();
  b.frames.pop_back();
  Tree node = take(b, op, b.nodes.size() - from, open);
  node.end = b.closed_at;
  return node;
}

void join_marks(Builder& b) {
  const Mark last = b.pop_mark();
  b.marks.back().end = last.end;
}

void push_present(Builder& b) {
  join_marks(b);
  b.nodes.push_back(take(b, Op::kPresent, 1, b.pop_mark()));
}

}  // namespace belay::dsl
