// Makes a program smaller, and its world kinder, for as long as something about it stays true.
#pragma once
#include <functional>

#include "tests/reference/program.h"
#include "tests/reference/world.h"

namespace belay::reference {

struct Case {
  Program program;
  Script script;
};
// `still` is asked of every candidate; `told` are the calls that a case's script could tame. At
// most `most` questions.
Case shrink(Case from,
            const std::function<bool(const Case&, std::map<std::string, std::string>& told)>& still,
            int most = 3000);

}  // namespace belay::reference
