// The grammar of expressions: CEL and, unless `plain`, the English skin. The rules of the skin
// begin with `skin`, which matches nothing and fails in plain mode. Only parse.cpp includes this,
// behind <tao/pegtl.hpp>: the actions that go with the rules are there.
//
// Every rule commits: after an operator or an opening bracket what follows is required (`must`), so
// nothing that an action built is ever taken back, and the place of the first failure is the place
// of the mistake. Nesting is counted
// (`nested`), because PEGTL recurses.
#pragma once
#include "dsl/expr/builder.h"
#include "dsl/limits.h"

namespace belay::dsl {
namespace {

namespace pegtl = tao::pegtl;
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

// ---- Tokens

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
  template <pegtl::apply_mode, pegtl::rewind_mode, template <typename...> class,
            template <typename...> class, typename Input>
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
           "the expression nests more than " + std::to_string(limits::expression_depth_max) +
               " deep",
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
  template <pegtl::apply_mode, pegtl::rewind_mode, template <typename...> class,
            template <typename...> class, typename Input>
  static bool match(Input&, Builder& b) {
    return b.plain;
  }
};

struct digits : plus<pegtl::digit> {};
struct exponent : seq<one<'e', 'E'>, opt<one<'+', '-'>>, digits> {};
struct hex_number : seq<one<'0'>, one<'x', 'X'>, plus<pegtl::xdigit>, opt<one<'u', 'U'>>> {};
struct real_number
    : sor<seq<star<pegtl::digit>, one<'.'>, digits, opt<exponent>>, seq<digits, exponent>> {};
struct whole_number : seq<digits, opt<one<'u', 'U'>>> {};
struct number_text : seq<opt<one<'-'>>, sor<hex_number, real_number, whole_number>> {};

template <char Q>
struct triple : seq<pegtl::three<Q>, star<not_at<pegtl::three<Q>>, opt<one<'\\'>>, pegtl::any>,
                    pegtl::three<Q>> {};
template <char Q>
struct raw_triple : seq<pegtl::three<Q>, pegtl::until<pegtl::three<Q>>> {};
template <char Q>
struct single
    : seq<one<Q>,
          star<sor<seq<one<'\\'>, pegtl::not_one<'\n'>>, pegtl::not_one<Q, '\n', '\r', '\\'>>>,
          one<Q>> {};
template <char Q>
struct raw_single : seq<one<Q>, star<pegtl::not_one<Q, '\n', '\r'>>, one<Q>> {};
struct quote : one<'"', '\''> {};
struct cooked_text : sor<triple<'"'>, triple<'\''>, single<'"'>, single<'\''>> {};
struct raw_text : sor<raw_triple<'"'>, raw_triple<'\''>, raw_single<'"'>, raw_single<'\''>> {};
struct raw_prefix : sor<seq<one<'r', 'R'>, opt<one<'b', 'B'>>>, seq<one<'b', 'B'>, one<'r', 'R'>>> {
};
struct quoted
    : sor<seq<raw_prefix, at<quote>, raw_text>, seq<opt<one<'b', 'B'>>, at<quote>, cooked_text>> {};

// ---- Primaries

struct expression;

struct quoted_literal : quoted {};
struct number_literal : number_text {};
struct currency : seq<pegtl::rep<3, pegtl::upper>, at<plus<one<' ', '\t'>>, pegtl::digit>> {};
struct amount_number : seq<digits, opt<one<'.'>, digits>> {};
struct money_literal
    : if_must<seq<skin, currency>, plus<one<' ', '\t'>>, amount_number, end_of_word> {};
struct duration_number : seq<opt<one<'-'>>, digits, opt<one<'.'>, digits>> {};
struct unit : seq<sor<pegtl::string<'m', 'i', 'l', 'l', 'i', 's', 'e', 'c', 'o', 'n', 'd'>,
                      pegtl::string<'s', 'e', 'c', 'o', 'n', 'd'>,
                      pegtl::string<'m', 'i', 'n', 'u', 't', 'e'>,
                      pegtl::string<'h', 'o', 'u', 'r'>, pegtl::string<'d', 'a', 'y'>>,
                  opt<one<'s'>>, end_of_word> {};
struct duration_literal : seq<skin, at<duration_number, plus<one<' ', '\t'>>, unit>,
                              duration_number, plus<one<' ', '\t'>>, unit> {};

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
struct optional_entry : if_must<seq<plain_only, optional_mark>, ws, expression, colon, expression> {
};
struct entry : sor<optional_entry, seq<expression, must<colon>, must<expression>>> {};
struct map : if_must<seq<open_curly, ws>, items<entry, close_curly>, close_curly> {};

struct primary : sor<quoted_literal, money_literal, duration_literal, number_literal, keyword_true,
                     keyword_false, keyword_null, group, list, map, name_or_call> {};

// ---- Operators, tightest first

struct plain_selector : name_text {};
struct quoted_selector : seq<one<'`'>, plus<pegtl::not_one<'`', '\n'>>, one<'`'>> {};
struct selector : sor<plain_selector, quoted_selector> {};
struct member_call : arguments {};
struct member_field : pegtl::success {};
struct member_optional : pegtl::success {};
struct optional_member : if_must<seq<plain_only, one<'?'>>, ws, selector, member_optional> {};
struct plain_member
    : seq<must<selector>, sor<seq<at<ws, open_round>, ws, member_call>, member_field>> {};
struct member : seq<ws, one<'.'>, ws, sor<optional_member, plain_member>> {};
struct optional_key : seq<plain_only, optional_mark, ws> {};
struct subscript : if_must<seq<ws, open_square, ws>, opt<optional_key>, expression, close_square> {
};
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

struct or_else_op : seq<pegtl::string<'o', 'r'>, end_of_word, ws, pegtl::string<'e', 'l', 's', 'e'>,
                        end_of_word> {};
struct or_else_tail : if_must<seq<skin, or_else_op, ws>, sum> {};
struct alternative : seq<sum, star<or_else_tail>> {};

struct in_op : seq<pegtl::string<'i', 'n'>, end_of_word> {};
struct compare_op : sor<pegtl::two<'='>, pegtl::string<'!', '='>, pegtl::string<'<', '='>,
                        pegtl::string<'>', '='>, seq<one<'<', '>'>, not_at<one<'>'>>>, in_op> {};
struct compare_tail : if_must<seq<compare_op, ws>, alternative> {};

struct is_op : seq<pegtl::string<'i', 's'>, end_of_word> {};
struct negated : seq<pegtl::string<'n', 'o', 't'>, end_of_word> {};
struct present : seq<pegtl::string<'p', 'r', 'e', 's', 'e', 'n', 't'>, end_of_word> {};
struct one_of
    : seq<pegtl::string<'o', 'n', 'e'>, end_of_word, ws, pegtl::string<'o', 'f'>, end_of_word> {};
struct more_than : seq<pegtl::string<'m', 'o', 'r', 'e'>, end_of_word, ws,
                       pegtl::string<'t', 'h', 'a', 'n'>, end_of_word> {};
struct less_than : seq<pegtl::string<'l', 'e', 's', 's'>, end_of_word, ws,
                       pegtl::string<'t', 'h', 'a', 'n'>, end_of_word> {};
struct at_least : seq<pegtl::string<'a', 't'>, end_of_word, ws,
                      pegtl::string<'l', 'e', 'a', 's', 't'>, end_of_word> {};
struct at_most : seq<pegtl::string<'a', 't'>, end_of_word, ws, pegtl::string<'m', 'o', 's', 't'>,
                     end_of_word> {};
struct is_present : seq<present, ws> {};
struct is_one_of : if_must<seq<one_of, ws>, alternative> {};
struct is_ordered : if_must<seq<sor<more_than, less_than, at_least, at_most>, ws>, alternative> {};
struct is_equal : must<alternative> {};
struct is_not_present : seq<present, ws> {};
struct is_not_one_of : if_must<seq<one_of, ws>, alternative> {};
struct is_not_equal : must<alternative> {};
struct is_rest : sor<seq<negated, ws, sor<is_not_present, is_not_one_of, is_not_equal>>, is_present,
                     is_one_of, is_ordered, is_equal> {};
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

struct or_word : seq<skin, pegtl::string<'o', 'r'>, end_of_word,
                     not_at<ws, pegtl::string<'e', 'l', 's', 'e'>, end_of_word>> {};
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

}  // namespace
}  // namespace belay::dsl
