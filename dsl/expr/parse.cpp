// Text → tree. The only file that knows PEGTL: the grammar is in grammar.h, and here are the
// actions that build the tree on a stack, bottom up. Why a place is wrong is worked out in
// explain.cpp. A failure leaves this file as a value: the exceptions in here are its own. Tested in
// tests/dsl/expr_parse_test.cpp.
#include <tao/pegtl.hpp>

#include "dsl/expr/builder.h"
#include "dsl/expr/grammar.h"
#include "dsl/expr/tree.h"
#include "dsl/limits.h"

namespace belay::dsl {
namespace {

using interpreter::Value;

template <typename Rule>
struct control : pegtl::normal<Rule> {
  template <typename Input>
  [[noreturn]] static void raise(const Input& in, Builder& b) {
    throw Failed{explain_syntax(b.text, static_cast<std::size_t>(in.current() - b.text.data()),
                                expected<Rule>, b.plain)};
  }
};

// ---- Actions

template <typename Input>
Mark mark_of(const Input& in, const Builder& b) {
  const auto begin = static_cast<std::uint32_t>(in.begin() - b.text.data());
  return {in.string(), begin, begin + static_cast<std::uint32_t>(in.size())};
}

template <typename Rule>
struct action : pegtl::nothing<Rule> {};

// Pushes a mark: an operator or a name whose operands come later.
struct push_mark {
  template <typename Input>
  static void apply(const Input& in, Builder& b) {
    b.marks.push_back(mark_of(in, b));
  }
};
template <>
struct action<multiply_op> : push_mark {};
template <>
struct action<add_op> : push_mark {};
template <>
struct action<or_else_op> : push_mark {};
template <>
struct action<compare_op> : push_mark {};
template <>
struct action<is_op> : push_mark {};
template <>
struct action<negated> : push_mark {};
template <>
struct action<not_op> : push_mark {};
template <>
struct action<more_than> : push_mark {};
template <>
struct action<less_than> : push_mark {};
template <>
struct action<at_least> : push_mark {};
template <>
struct action<at_most> : push_mark {};
template <>
struct action<present> : push_mark {};
template <>
struct action<and_op> : push_mark {};
template <>
struct action<or_op> : push_mark {};
template <>
struct action<bang> : push_mark {};
template <>
struct action<minus> : push_mark {};
template <>
struct action<currency> : push_mark {};
template <>
struct action<amount_number> : push_mark {};
template <>
struct action<plain_selector> : push_mark {};
template <>
struct action<optional_mark> : push_mark {};

template <>
struct action<quoted_selector> {
  template <typename Input>
  static void apply(const Input& in, Builder& b) {
    Mark mark = mark_of(in, b);
    mark.text = mark.text.substr(1, mark.text.size() - 2);
    b.marks.push_back(std::move(mark));
  }
};

// Opening brackets remember where their operands begin.
struct push_frame {
  template <typename Input>
  static void apply(const Input& in, Builder& b) {
    b.marks.push_back(mark_of(in, b));
    b.frames.push_back(b.nodes.size());
  }
};
template <>
struct action<open_square> : push_frame {};
template <>
struct action<open_curly> : push_frame {};
template <>
struct action<open_round> : push_frame {};

struct note_close {
  template <typename Input>
  static void apply(const Input& in, Builder& b) {
    b.closed_at = mark_of(in, b).end;
  }
};
template <>
struct action<close_round> : note_close {};
template <>
struct action<close_square> : note_close {};
template <>
struct action<close_curly> : note_close {};

template <>
struct action<quoted_literal> {
  template <typename Input>
  static void apply(const Input& in, Builder& b) {
    const Mark mark = mark_of(in, b);
    push_literal(b, read_quoted(mark.text), mark.begin, mark.end);
  }
};

template <>
struct action<number_literal> {
  template <typename Input>
  static void apply(const Input& in, Builder& b) {
    const Mark mark = mark_of(in, b);
    if (mark.end <
        b.text.size()) {  // `15m`, `1.5x`, `EUR` is not near: explain looks at what follows
      const char next = b.text[mark.end];
      if ((next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z') || next == '_') {
        throw Failed{explain_syntax(b.text, mark.end, "an operator", b.plain)};
      }
    }
    push_literal(b, read_number(mark.text), mark.begin, mark.end);
  }
};

template <>
struct action<money_literal> {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    const Mark number = b.pop_mark(), code = b.pop_mark();
    if (number.end + 1 < b.text.size() && b.text[number.end] == ',' &&
        b.text[number.end + 1] >= '0' && b.text[number.end + 1] <= '9' &&
        number.text.find('.') == std::string::npos) {
      std::size_t end = number.end + 1;
      while (end < b.text.size() && b.text[end] >= '0' && b.text[end] <= '9') ++end;
      const std::string cents(b.text.substr(number.end + 1, end - number.end - 1));
      fail("BEL1207", code.begin, end - code.begin,
           "an amount has a point before its decimals, not a comma",
           "write `" + code.text + " " + number.text + "." + cents + "`");
    }
    LiteralRead read = read_amount(code.text, number.text);
    push_literal(b, std::move(read), code.begin, number.end);
  }
};

template <>
struct action<duration_literal> {
  template <typename Input>
  static void apply(const Input& in, Builder& b) {
    const Mark mark = mark_of(in, b);
    const std::size_t blank = mark.text.find_first_of(" \t");
    const std::size_t unit_at = mark.text.find_first_not_of(" \t", blank);
    push_literal(b,
                 read_duration(std::string_view(mark.text).substr(0, blank),
                               std::string_view(mark.text).substr(unit_at)),
                 mark.begin, mark.end);
  }
};

template <typename Rule>
struct push_constant {
  template <typename Input>
  static void apply(const Input& in, Builder& b) {
    const Mark mark = mark_of(in, b);
    Value value;
    if constexpr (!std::is_same_v<Rule, keyword_null>)
      value = Value::boolean(std::is_same_v<Rule, keyword_true>);
    push_literal(b, {.value = std::move(value), .problem = {}}, mark.begin, mark.end);
  }
};
template <>
struct action<keyword_true> : push_constant<keyword_true> {};
template <>
struct action<keyword_false> : push_constant<keyword_false> {};
template <>
struct action<keyword_null> : push_constant<keyword_null> {};

template <>
struct action<rooted_name> {
  template <typename Input>
  static void apply(const Input& in, Builder& b) {
    Mark mark = mark_of(in, b);
    if (is_cel_reserved(mark.text) || (!b.plain && is_skin_word(mark.text))) {
      throw Failed{explain_syntax(b.text, mark.begin, "a value", b.plain)};
    }
    std::erase_if(mark.text, [](char c) {
      return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
    });
    b.marks.push_back(std::move(mark));
  }
};

template <>
struct action<bare_name> {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    const Mark mark = b.pop_mark();
    Tree node = take(b, Op::kName, 0, mark);
    node.text = mark.text;
    b.nodes.push_back(std::move(node));
  }
};

template <>
struct action<call> {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    Tree node = close(b, Op::kCall);
    const Mark name = b.pop_mark();
    node.text = name.text;
    node.begin = node.mark = name.begin;
    node.mark_length = name.end - name.begin;
    b.nodes.push_back(std::move(node));
  }
};

template <>
struct action<member_call> {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    Tree node = close(b, Op::kMemberCall);
    const Mark name = b.pop_mark();
    node.args.insert(node.args.begin(), b.pop());
    node.text = name.text;
    node.begin = node.args.front().begin;
    node.mark = name.begin;
    node.mark_length = name.end - name.begin;
    b.nodes.push_back(std::move(node));
  }
};

template <>
struct action<member_field> {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    const Mark name = b.pop_mark();
    Tree node = take(b, Op::kField, 1, name);
    node.text = name.text;
    b.nodes.push_back(std::move(node));
  }
};

template <>
struct action<member_optional> {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    const Mark name = b.pop_mark();
    Tree node = take(b, Op::kOptionalField, 1, name);
    node.text = name.text;
    b.nodes.push_back(std::move(node));
  }
};

// Marks the item, or the value of the entry, that was read last.
struct make_optional {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    b.nodes.push_back(take(b, Op::kOptionalEntry, 1, b.pop_mark()));
  }
};
template <>
struct action<optional_item> : make_optional {};
template <>
struct action<optional_entry> : make_optional {};

template <>
struct action<subscript> {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    const bool optional = b.marks.back().text == "?";
    if (optional) b.pop_mark();
    const Mark open = b.pop_mark();
    b.frames.pop_back();
    Tree node = take(b, optional ? Op::kOptionalIndex : Op::kIndex, 2, open);
    node.end = b.closed_at;
    b.nodes.push_back(std::move(node));
  }
};

template <>
struct action<group> {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    const Mark open = b.pop_mark();
    b.frames.pop_back();
    Tree& inner = b.nodes.back();
    inner.bracketed = true;
    inner.begin = open.begin;
    inner.end = b.closed_at;
  }
};

template <Op op>
struct close_into {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    b.nodes.push_back(close(b, op));
  }
};
template <>
struct action<list> : close_into<Op::kList> {};
template <>
struct action<map> : close_into<Op::kMap> {};

template <Op op>
struct prefix {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    b.nodes.push_back(take(b, op, 1, b.pop_mark()));
  }
};
template <>
struct action<not_unary> : prefix<Op::kNot> {};
template <>
struct action<not_word> : prefix<Op::kNot> {};
template <>
struct action<minus_unary> : prefix<Op::kNegate> {};

struct infix {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    binary(b, b.marks.back().text);
  }
};
template <>
struct action<multiply_tail> : infix {};
template <>
struct action<add_tail> : infix {};
template <>
struct action<compare_tail> : infix {};

template <>
struct action<or_else_tail> {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    b.nodes.push_back(take(b, Op::kOrElse, 2, b.pop_mark()));
  }
};

template <>
struct action<is_present> {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    push_present(b);
  }
};
template <>
struct action<is_not_present> {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    join_marks(b);
    const Mark mark = b.marks.back();
    push_present(b);
    negate_top(b, mark.begin, mark);
  }
};
template <>
struct action<is_equal> {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    binary(b, "==");
  }
};
template <>
struct action<is_not_equal> {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    join_marks(b);
    binary(b, "!=");
  }
};
template <>
struct action<is_one_of> {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    binary(b, "in");
  }
};
template <>
struct action<is_not_one_of> {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    join_marks(b);
    const Mark mark = b.marks.back();
    binary(b, "in");
    negate_top(b, mark.begin, mark);
  }
};
template <>
struct action<is_ordered> {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    const std::string& words = b.marks.back().text;
    const char* op = words.starts_with("more")   ? ">"
                     : words.starts_with("less") ? "<"
                     : words.ends_with("least")  ? ">="
                                                 : "<=";
    join_marks(b);
    binary(b, op);
  }
};

template <Op op>
struct join_logic {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    logical(b, op);
  }
};
template <>
struct action<and_tail> : join_logic<Op::kAnd> {};
template <>
struct action<or_tail> : join_logic<Op::kOr> {};

template <>
struct action<question> : push_mark {};
template <>
struct action<choice> {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    Mark mark = b.pop_mark();
    mark.end = mark.begin + 1;  // without the white space
    b.nodes.push_back(take(b, Op::kConditional, 3, mark));
  }
};

std::size_t height(const Tree& node) {
  std::size_t most = 0;
  for (const Tree& arg : node.args) most = std::max(most, height(arg));
  return most + 1;
}

// A chain such as 1+1+1+… is high without nesting; what walks the tree later recurses.
constexpr std::size_t height_max = 256;

}  // namespace

Parsed parse_expression(std::string_view text, bool plain) {
  if (text.size() > limits::expression_bytes_max) {
    return {.tree = {},
            .problem = SyntaxProblem{
                "BEL1210", 0, 1,
                "the expression has " + std::to_string(text.size()) + " bytes, at most " +
                    std::to_string(limits::expression_bytes_max) + " are allowed",
                "compute a part of it with `set` first"}};
  }
  Builder builder{.text = text, .plain = plain};
  try {
    pegtl::memory_input<pegtl::tracking_mode::lazy> in(text.data(), text.data() + text.size(), "");
    pegtl::parse<whole, action, control>(in, builder);
  } catch (Failed& failed) {
    return {.tree = {}, .problem = std::move(failed.problem)};
  }
  Tree tree = builder.pop();
  if (height(tree) > height_max) {
    return {.tree = {},
            .problem = SyntaxProblem{
                "BEL1209", 0, 1,
                "the expression chains more than " + std::to_string(height_max) + " operators",
                "compute a part of it with `set` first"}};
  }
  return {.tree = std::move(tree), .problem = {}};
}

}  // namespace belay::dsl
