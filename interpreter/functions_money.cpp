// Money: made from minor units, shared and split without losing a cent. A share rounds half to even
// in 128 bits.
#include <limits>

#include "interpreter/functions.h"

namespace belay::interpreter {
namespace {

using Kind = Value::Kind;
constexpr std::int64_t split_parts_max = 10'000;

Evaluated make(Args args) {
  if (args.size() != 2 || args[0].kind() != Kind::kString || args[1].kind() != Kind::kInt) {
    return no_overload(Function::kMoney, args);
  }
  std::string code = args[0].as_string();
  for (char& c : code) {  // payment providers write "eur"
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  if (currency_decimals(code) < 0)
    return bad(to_text(Value::string(code.substr(0, 10))) + " is no ISO 4217 currency");
  return good(Value::money({args[1].as_int(), {code[0], code[1], code[2]}}));
}

Evaluated share(Args args) {
  if (args.size() != 3 || args[0].kind() != Kind::kMoney || args[1].kind() != Kind::kInt ||
      args[2].kind() != Kind::kInt) {
    return no_overload(Function::kShare, args);
  }
  const std::int64_t parts = args[2].as_int();
  if (parts <= 0) return bad("`share` needs a whole greater than 0");
  __extension__ using Wide = __int128;
  const Wide product = static_cast<Wide>(args[0].as_money().minor) * args[1].as_int();
  Wide quotient = product / parts;
  const Wide rest = product % parts, twice = (rest < 0 ? -rest : rest) * 2;
  if (twice > parts || (twice == parts && quotient % 2 != 0)) quotient += product < 0 ? -1 : 1;
  if (quotient > std::numeric_limits<std::int64_t>::max() ||
      quotient < std::numeric_limits<std::int64_t>::min()) {
    return bad("money overflow");
  }
  Money out = args[0].as_money();
  out.minor = static_cast<std::int64_t>(quotient);
  return good(Value::money(out));
}

// The first parts get one unit more where it does not divide: the parts always sum to the whole.
Evaluated split(Args args, Budget& budget) {
  if (args.size() != 2 || args[0].kind() != Kind::kMoney || args[1].kind() != Kind::kInt) {
    return no_overload(Function::kSplitMoney, args);
  }
  const std::int64_t parts = args[1].as_int();
  if (parts < 1 || parts > split_parts_max) return bad("`split` takes from 1 to 10000 parts");
  if (!budget.charge(static_cast<std::size_t>(parts))) return out_of_budget();
  const Money whole = args[0].as_money();
  const std::int64_t each = whole.minor / parts, rest = whole.minor % parts;
  List out;
  for (std::int64_t i = 0; i < parts; ++i) {
    Money part = whole;
    part.minor = each + (i < (rest < 0 ? -rest : rest) ? (rest < 0 ? -1 : 1) : 0);
    out.push_back(Value::money(part));
  }
  return good(Value::list(std::move(out)));
}

}  // namespace

Evaluated call_money(Function f, Args args, Budget& budget) {
  if (f == Function::kMoney) return make(args);
  return f == Function::kShare ? share(args) : split(args, budget);
}

}  // namespace belay::interpreter
