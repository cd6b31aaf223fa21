// What the functions of expressions take and give, as a table. Codes, one a parameter (the receiver
// first): s text  i int  u uint  d double  b bool  y bytes  t timestamp  D duration  m money  L
// list  M map or record n any number  * anything. Results: the same, and S list of text, N list of
// money, T type, = as the first argument.
#pragma once
#include <span>
#include <string_view>

#include "interpreter/functions.h"

namespace belay::dsl {

struct Signature {
  std::string_view name;
  bool member = false;
  std::string_view params;
  char result = '*';
  interpreter::Function function = interpreter::Function::kDyn;
  bool name_is_free = false;  // a name may be spelled so: it stands only after a dot, and people do
                              // call fields `format`
  bool plain_only =
      false;  // gives or takes optional values, which the language of workflows does not have
};

std::span<const Signature> signatures();

}  // namespace belay::dsl
