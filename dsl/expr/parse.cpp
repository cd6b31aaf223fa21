// Text → tree. The only file that knows PEGTL. One grammar reads CEL and, unless `plain`, the English skin: the rules of
// the skin begin with `skin`, which matches nothing and fails in plain mode.
//
// Every rule commits: after an operator or an opening bracket what follows is required (`must`), so nothing that an
// action built is ever taken back, and the place of the first failure is the place of the mistake. Actions build the
// tree on a stack, bottom up. Why a place is wrong is worked out in explain.cpp. A failure leaves this file as a value:
// the exceptions in here are its own. Nesting is counted (`nested`), because PEGTL recurses.
// Tested in tests/dsl/expr_parse_test.cpp.
#include <tao/pegtl.hpp>

#include "dsl/expr/builder.h"
#include "dsl/expr/tree.h"
#include "dsl/limits.h"

namespace belay::dsl {
namespace {

namespace pegtl = tao::pegtl;
using interpreter::Value;
using pegtl::at;
using pegtl::if_must;
using pegtl::must;
using pegtl::not_at;
using pegtl::one;
using pegtl::opt;
using pegtl::plus;
using pegtl::seq;
using pegtl::sor;
using pegtl::star;

// ---- Tokens ----------------------------------------------------------------------------------------------------

struct comment : seq<pegtl::two<'/'>, star<pegtl::not_one<'\n'>>> {};
struct ws : star<sor<one<' ', '\t', '\n', '\r', '\f'>, comment>> {};
struct letter : pegtl::ranges<'a', 'z', 'A', 'Z', '_'> {};
struct letter_or_digit : pegtl::ranges<'a', 'z', 'A', 'Z', '0', '9', '_'> {};
struct end_of_word : not_at<letter_or_digit> {};

template <char... C>
struct word : seq<pegtl::string<C...>, end_of_word, ws> {};

// Fails in plain mode, matches nothing otherwise.
struct skin {
  using rule_t = skin;
  using subs_t = pegtl::empty_list;
  template <pegtl::apply_mode, pegtl::rewind_mode, template <typename...> class, template <typename...> class,
            typename Input>
  static bool match(Input&, Builder& b) {
    return !b.plain;
  }
};

// Counts how deep the grammar recurses into itself.
template <typename Rule>
struct nested {
  using rule_t = nested;
  using subs_t = pegtl::type_list<Rule>;
  template <pegtl::apply_mode A, pegtl::rewind_mode M, template <typename...> class Action,
            template <typename...> class Control, typename Input>
  static bool match(Input& in, Builder& b) {
    if (++b.depth > limits::expression_depth_max) {
      fail("BEL1209", static_cast<std::size_t>(in.current() - b.text.data()), 1,
           "the expression nests more than " + std::to_string(limits::expression_depth_max) + " deep",
           "compute a part of it with `set` first");
    }
    const bool matched = pegtl::match<Rule, A, M, Action, Control>(in, b);
    --b.depth;
    return matched;
  }
};

// The other way round: syntax of CEL that the language of workflows leaves out.
struct plain_only {
  using rule_t = plain_only;
  using subs_t = pegtl::empty_list;
  template <pegtl::apply_mode, pegtl::rewind_mode, template <typename...> class, template <typename...> class,
            typename Input>
  static bool match(Input&, Builder& b) {
    return b.plain;
  }
};

struct digits : plus<pegtl::digit> {};
struct exponent : seq<one<'e', 'E'>, opt<one<'+', '-'>>, digits> {};
struct hex_number : seq<one<'0'>, one<'x', 'X'>, plus<pegtl::xdigit>, opt<one<'u', 'U'>>> {};
struct real_number : sor<seq<star<pegtl::digit>, one<'.'>, digits, opt<exponent>>, seq<digits, exponent>> {};
struct whole_number : seq<digits, opt<one<'u', 'U'>>> {};
struct number_text : seq<opt<one<'-'>>, sor<hex_number, real_number, whole_number>> {};

template <char Q>
struct triple : seq<pegtl::three<Q>, star<not_at<pegtl::three<Q>>, opt<one<'\\'>>, pegtl::any>, pegtl::three<Q>> {};
template <char Q>
struct raw_triple : seq<pegtl::three<Q>, pegtl::until<pegtl::three<Q>>> {};
template <char Q>
struct single : seq<one<Q>, star<sor<seq<one<'\\'>, pegtl::not_one<'\n'>>, pegtl::not_one<Q, '\n', '\r', '\\'>>>, one<Q>> {};
template <char Q>
struct raw_single : seq<one<Q>, star<pegtl::not_one<Q, '\n', '\r'>>, one<Q>> {};
struct quote : one<'"', '\''> {};
struct cooked_text : sor<triple<'"'>, triple<'\''>, single<'"'>, single<'\''>> {};
struct raw_text : sor<raw_triple<'"'>, raw_triple<'\''>, raw_single<'"'>, raw_single<'\''>> {};
struct raw_prefix : sor<seq<one<'r', 'R'>, opt<one<'b', 'B'>>>, seq<one<'b', 'B'>, one<'r', 'R'>>> {};
struct quoted : sor<seq<raw_prefix, at<quote>, raw_text>, seq<opt<one<'b', 'B'>>, at<quote>, cooked_text>> {};

// ---- Primaries -------------------------------------------------------------------------------------------------

struct expression;

struct quoted_literal : quoted {};
struct number_literal : number_text {};
struct currency : seq<pegtl::rep<3, pegtl::upper>, at<plus<one<' ', '\t'>>, pegtl::digit>> {};
struct amount_number : seq<digits, opt<one<'.'>, digits>> {};
struct money_literal : if_must<seq<skin, currency>, plus<one<' ', '\t'>>, amount_number, end_of_word> {};
struct duration_number : seq<opt<one<'-'>>, digits, opt<one<'.'>, digits>> {};
struct unit : seq<sor<pegtl::string<'m', 'i', 'l', 'l', 'i', 's', 'e', 'c', 'o', 'n', 'd'>,
                      pegtl::string<'s', 'e', 'c', 'o', 'n', 'd'>, pegtl::string<'m', 'i', 'n', 'u', 't', 'e'>,
                      pegtl::string<'h', 'o', 'u', 'r'>, pegtl::string<'d', 'a', 'y'>>,
                  opt<one<'s'>>, end_of_word> {};
struct duration_literal : seq<skin, at<duration_number, plus<one<' ', '\t'>>, unit>, duration_number,
                              plus<one<' ', '\t'>>, unit> {};

struct keyword_true : seq<pegtl::string<'t', 'r', 'u', 'e'>, end_of_word> {};
struct keyword_false : seq<pegtl::string<'f', 'a', 'l', 's', 'e'>, end_of_word> {};
struct keyword_null : seq<pegtl::string<'n', 'u', 'l', 'l'>, end_of_word> {};

struct open_round : one<'('> {};
struct close_round : one<')'> {};
struct open_square : one<'['> {};
struct close_square : one<']'> {};
struct open_curly : one<'{'> {};
struct close_curly : one<'}'> {};
struct comma : seq<one<','>, ws> {};
struct colon : seq<one<':'>, ws> {};
struct question : seq<one<'?'>, ws> {};

// A list of items up to (not including) the closing bracket; a comma may stand before it.
template <typename Item, typename Close>
struct items : sor<at<Close>, seq<must<Item>, star<comma, sor<at<Close>, must<Item>>>>> {};

struct arguments : if_must<seq<open_round, ws>, items<expression, close_round>, close_round> {};
struct name_text : seq<letter, star<letter_or_digit>> {};
struct rooted_name : seq<opt<one<'.'>, ws>, name_text> {};
struct call : arguments {};
struct bare_name : pegtl::success {};
struct name_or_call : seq<rooted_name, sor<seq<ws, call>, bare_name>> {};

struct group : if_must<seq<open_round, ws>, expression, close_round> {};
struct optional_mark : one<'?'> {};
struct optional_item : if_must<seq<plain_only, optional_mark>, ws, expression> {};
struct list_item : sor<optional_item, expression> {};
struct list : if_must<seq<open_square, ws>, items<list_item, close_square>, close_square> {};
struct optional_entry : if_must<seq<plain_only, optional_mark>, ws, expression, colon, expression> {};
struct entry : sor<optional_entry, seq<expression, must<colon>, must<expression>>> {};
struct map : if_must<seq<open_curly, ws>, items<entry, close_curly>, close_curly> {};

struct primary : sor<quoted_literal, money_literal, duration_literal, number_literal, keyword_true, keyword_false,
                     keyword_null, group, list, map, name_or_call> {};

// ---- Operators, tightest first ---------------------------------------------------------------------------------

struct plain_selector : name_text {};
struct quoted_selector : seq<one<'`'>, plus<pegtl::not_one<'`', '\n'>>, one<'`'>> {};
struct selector : sor<plain_selector, quoted_selector> {};
struct member_call : arguments {};
struct member_field : pegtl::success {};
struct member_optional : pegtl::success {};
struct optional_member : if_must<seq<plain_only, one<'?'>>, ws, selector, member_optional> {};
struct plain_member : seq<must<selector>, sor<seq<at<ws, open_round>, ws, member_call>, member_field>> {};
struct member : seq<ws, one<'.'>, ws, sor<optional_member, plain_member>> {};
struct optional_key : seq<plain_only, optional_mark, ws> {};
struct subscript : if_must<seq<ws, open_square, ws>, opt<optional_key>, expression, close_square> {};
struct postfix : seq<primary, star<sor<member, subscript>>, ws> {};

struct unary;
struct bang : seq<one<'!'>, not_at<one<'='>>> {};
struct minus : one<'-'> {};
struct not_unary : if_must<seq<bang, ws>, nested<unary>> {};
struct minus_unary : if_must<seq<not_at<number_text>, minus, ws>, nested<unary>> {};
struct unary : sor<not_unary, minus_unary, postfix> {};

struct multiply_op : one<'*', '/', '%'> {};
struct multiply_tail : if_must<seq<multiply_op, ws>, unary> {};
struct product : seq<unary, star<multiply_tail>> {};

struct add_op : one<'+', '-'> {};
struct add_tail : if_must<seq<add_op, ws>, product> {};
struct sum : seq<product, star<add_tail>> {};

struct or_else_op : seq<pegtl::string<'o', 'r'>, end_of_word, ws, pegtl::string<'e', 'l', 's', 'e'>, end_of_word> {};
struct or_else_tail : if_must<seq<skin, or_else_op, ws>, sum> {};
struct alternative : seq<sum, star<or_else_tail>> {};

struct in_op : seq<pegtl::string<'i', 'n'>, end_of_word> {};
struct compare_op : sor<pegtl::two<'='>, pegtl::string<'!', '='>, pegtl::string<'<', '='>, pegtl::string<'>', '='>,
                        seq<one<'<', '>'>, not_at<one<'>'>>>, in_op> {};
struct compare_tail : if_must<seq<compare_op, ws>, alternative> {};

struct is_op : seq<pegtl::string<'i', 's'>, end_of_word> {};
struct negated : seq<pegtl::string<'n', 'o', 't'>, end_of_word> {};
struct present : seq<pegtl::string<'p', 'r', 'e', 's', 'e', 'n', 't'>, end_of_word> {};
struct one_of : seq<pegtl::string<'o', 'n', 'e'>, end_of_word, ws, pegtl::string<'o', 'f'>, end_of_word> {};
struct more_than : seq<pegtl::string<'m', 'o', 'r', 'e'>, end_of_word, ws, pegtl::string<'t', 'h', 'a', 'n'>, end_of_word> {};
struct less_than : seq<pegtl::string<'l', 'e', 's', 's'>, end_of_word, ws, pegtl::string<'t', 'h', 'a', 'n'>, end_of_word> {};
struct at_least : seq<pegtl::string<'a', 't'>, end_of_word, ws, pegtl::string<'l', 'e', 'a', 's', 't'>, end_of_word> {};
struct at_most : seq<pegtl::string<'a', 't'>, end_of_word, ws, pegtl::string<'m', 'o', 's', 't'>, end_of_word> {};
struct is_present : seq<present, ws> {};
struct is_one_of : if_must<seq<one_of, ws>, alternative> {};
struct is_ordered : if_must<seq<sor<more_than, less_than, at_least, at_most>, ws>, alternative> {};
struct is_equal : must<alternative> {};
struct is_not_present : seq<present, ws> {};
struct is_not_one_of : if_must<seq<one_of, ws>, alternative> {};
struct is_not_equal : must<alternative> {};
struct is_rest : sor<seq<negated, ws, sor<is_not_present, is_not_one_of, is_not_equal>>, is_present, is_one_of, is_ordered,
                     is_equal> {};
struct is_tail : if_must<seq<skin, is_op, ws>, is_rest> {};
struct relation : seq<alternative, star<sor<compare_tail, is_tail>>> {};

struct negation;
struct not_op : negated {};
struct not_word : if_must<seq<skin, not_op, ws>, nested<negation>> {};
struct negation : sor<not_word, relation> {};

struct and_word : seq<skin, pegtl::string<'a', 'n', 'd'>, end_of_word> {};
struct and_op : sor<pegtl::two<'&'>, and_word> {};
struct and_tail : if_must<seq<and_op, ws>, negation> {};
struct conjunction : seq<negation, star<and_tail>> {};

struct or_word : seq<skin, pegtl::string<'o', 'r'>, end_of_word, not_at<ws, pegtl::string<'e', 'l', 's', 'e'>, end_of_word>> {};
struct or_op : sor<pegtl::two<'|'>, or_word> {};
struct or_tail : if_must<seq<or_op, ws>, conjunction> {};
struct disjunction : seq<conjunction, star<or_tail>> {};

struct choice : if_must<question, disjunction, colon, expression> {};
struct expression : nested<seq<disjunction, opt<choice>>> {};
struct whole : seq<ws, must<expression>, must<pegtl::eof>> {};

// What should have stood where a required rule failed.
template <typename Rule>
inline constexpr const char* expected = "a value";
template <>
inline constexpr const char* expected<close_round> = "`)`";
template <>
inline constexpr const char* expected<close_square> = "`]`";
template <>
inline constexpr const char* expected<close_curly> = "`}`";
template <>
inline constexpr const char* expected<colon> = "`:`";
template <>
inline constexpr const char* expected<selector> = "a name";
template <>
inline constexpr const char* expected<pegtl::eof> = "an operator";
template <>
inline constexpr const char* expected<end_of_word> = "an operator";

template <typename Rule>
struct control : pegtl::normal<Rule> {
  template <typename Input>
  [[noreturn]] static void raise(const Input& in, Builder& b) {
    throw Failed{explain_syntax(b.text, static_cast<std::size_t>(in.current() - b.text.data()), expected<Rule>, b.plain)};
  }
};

// ---- Actions ---------------------------------------------------------------------------------------------------

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
template <> struct action<multiply_op> : push_mark {};
template <> struct action<add_op> : push_mark {};
template <> struct action<or_else_op> : push_mark {};
template <> struct action<compare_op> : push_mark {};
template <> struct action<is_op> : push_mark {};
template <> struct action<negated> : push_mark {};
template <> struct action<not_op> : push_mark {};
template <> struct action<more_than> : push_mark {};
template <> struct action<less_than> : push_mark {};
template <> struct action<at_least> : push_mark {};
template <> struct action<at_most> : push_mark {};
template <> struct action<present> : push_mark {};
template <> struct action<and_op> : push_mark {};
template <> struct action<or_op> : push_mark {};
template <> struct action<bang> : push_mark {};
template <> struct action<minus> : push_mark {};
template <> struct action<currency> : push_mark {};
template <> struct action<amount_number> : push_mark {};
template <> struct action<plain_selector> : push_mark {};
template <> struct action<optional_mark> : push_mark {};

template <> struct action<quoted_selector> {
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
template <> struct action<open_square> : push_frame {};
template <> struct action<open_curly> : push_frame {};
template <> struct action<open_round> : push_frame {};

struct note_close {
  template <typename Input>
  static void apply(const Input& in, Builder& b) {
    b.closed_at = mark_of(in, b).end;
  }
};
template <> struct action<close_round> : note_close {};
template <> struct action<close_square> : note_close {};
template <> struct action<close_curly> : note_close {};

template <> struct action<quoted_literal> {
  template <typename Input>
  static void apply(const Input& in, Builder& b) {
    const Mark mark = mark_of(in, b);
    push_literal(b, read_quoted(mark.text), mark.begin, mark.end);
  }
};

template <> struct action<number_literal> {
  template <typename Input>
  static void apply(const Input& in, Builder& b) {
    const Mark mark = mark_of(in, b);
    if (mark.end < b.text.size()) {  // `15m`, `1.5x`, `EUR` is not near: explain looks at what follows
      const char next = b.text[mark.end];
      if ((next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z') || next == '_') {
        throw Failed{explain_syntax(b.text, mark.end, "an operator", b.plain)};
      }
    }
    push_literal(b, read_number(mark.text), mark.begin, mark.end);
  }
};

template <> struct action<money_literal> {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    const Mark number = b.pop_mark(), code = b.pop_mark();
    if (number.end + 1 < b.text.size() && b.text[number.end] == ',' && b.text[number.end + 1] >= '0' &&
        b.text[number.end + 1] <= '9' && number.text.find('.') == std::string::npos) {
      std::size_t end = number.end + 1;
      while (end < b.text.size() && b.text[end] >= '0' && b.text[end] <= '9') ++end;
      const std::string cents(b.text.substr(number.end + 1, end - number.end - 1));
      fail("BEL1207", code.begin, end - code.begin, "an amount has a point before its decimals, not a comma",
           "write `" + code.text + " " + number.text + "." + cents + "`");
    }
    LiteralRead read = read_amount(code.text, number.text);
    push_literal(b, std::move(read), code.begin, number.end);
  }
};

template <> struct action<duration_literal> {
  template <typename Input>
  static void apply(const Input& in, Builder& b) {
    const Mark mark = mark_of(in, b);
    const std::size_t blank = mark.text.find_first_of(" \t");
    const std::size_t unit_at = mark.text.find_first_not_of(" \t", blank);
    push_literal(b, read_duration(std::string_view(mark.text).substr(0, blank), std::string_view(mark.text).substr(unit_at)),
                 mark.begin, mark.end);
  }
};

template <typename Rule>
struct push_constant {
  template <typename Input>
  static void apply(const Input& in, Builder& b) {
    const Mark mark = mark_of(in, b);
    Value value;
    if constexpr (!std::is_same_v<Rule, keyword_null>) value = Value::boolean(std::is_same_v<Rule, keyword_true>);
    push_literal(b, {.value = std::move(value), .problem = {}}, mark.begin, mark.end);
  }
};
template <> struct action<keyword_true> : push_constant<keyword_true> {};
template <> struct action<keyword_false> : push_constant<keyword_false> {};
template <> struct action<keyword_null> : push_constant<keyword_null> {};

template <> struct action<rooted_name> {
  template <typename Input>
  static void apply(const Input& in, Builder& b) {
    Mark mark = mark_of(in, b);
    if (is_cel_reserved(mark.text) || (!b.plain && is_skin_word(mark.text))) {
      throw Failed{explain_syntax(b.text, mark.begin, "a value", b.plain)};
    }
    std::erase_if(mark.text, [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; });
    b.marks.push_back(std::move(mark));
  }
};

template <> struct action<bare_name> {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    const Mark mark = b.pop_mark();
    Tree node = take(b, Op::kName, 0, mark);
    node.text = mark.text;
    b.nodes.push_back(std::move(node));
  }
};

template <> struct action<call> {
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

template <> struct action<member_call> {
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

template <> struct action<member_field> {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    const Mark name = b.pop_mark();
    Tree node = take(b, Op::kField, 1, name);
    node.text = name.text;
    b.nodes.push_back(std::move(node));
  }
};

template <> struct action<member_optional> {
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
template <> struct action<optional_item> : make_optional {};
template <> struct action<optional_entry> : make_optional {};

template <> struct action<subscript> {
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

template <> struct action<group> {
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
template <> struct action<list> : close_into<Op::kList> {};
template <> struct action<map> : close_into<Op::kMap> {};

template <Op op>
struct prefix {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    b.nodes.push_back(take(b, op, 1, b.pop_mark()));
  }
};
template <> struct action<not_unary> : prefix<Op::kNot> {};
template <> struct action<not_word> : prefix<Op::kNot> {};
template <> struct action<minus_unary> : prefix<Op::kNegate> {};

struct infix {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    binary(b, b.marks.back().text);
  }
};
template <> struct action<multiply_tail> : infix {};
template <> struct action<add_tail> : infix {};
template <> struct action<compare_tail> : infix {};

template <> struct action<or_else_tail> {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    b.nodes.push_back(take(b, Op::kOrElse, 2, b.pop_mark()));
  }
};

template <> struct action<is_present> {
  template <typename Input>
  static void apply(const Input&, Builder& b) { push_present(b); }
};
template <> struct action<is_not_present> {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    join_marks(b);
    const Mark mark = b.marks.back();
    push_present(b);
    negate_top(b, mark.begin, mark);
  }
};
template <> struct action<is_equal> {
  template <typename Input>
  static void apply(const Input&, Builder& b) { binary(b, "=="); }
};
template <> struct action<is_not_equal> {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    join_marks(b);
    binary(b, "!=");
  }
};
template <> struct action<is_one_of> {
  template <typename Input>
  static void apply(const Input&, Builder& b) { binary(b, "in"); }
};
template <> struct action<is_not_one_of> {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    join_marks(b);
    const Mark mark = b.marks.back();
    binary(b, "in");
    negate_top(b, mark.begin, mark);
  }
};
template <> struct action<is_ordered> {
  template <typename Input>
  static void apply(const Input&, Builder& b) {
    const std::string& words = b.marks.back().text;
    const char* op = words.starts_with("more") ? ">" : words.starts_with("less") ? "<"
                     : words.ends_with("least") ? ">=" : "<=";
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
template <> struct action<and_tail> : join_logic<Op::kAnd> {};
template <> struct action<or_tail> : join_logic<Op::kOr> {};

template <> struct action<question> : push_mark {};
template <> struct action<choice> {
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
    return {.tree = {}, .problem = SyntaxProblem{"BEL1210", 0, 1,
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
    return {.tree = {}, .problem = SyntaxProblem{"BEL1209", 0, 1,
            "the expression chains more than " + std::to_string(height_max) + " operators",
            "compute a part of it with `set` first"}};
  }
  return {.tree = std::move(tree), .problem = {}};
}

}  // namespace belay::dsl
