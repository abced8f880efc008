// Validation of a space: every mistake at once, and the compiled rules when there is none.
#pragma once

#include <string>
#include <vector>

#include "lehr/space/compiled.hpp"
#include "lehr/space/program.hpp"

namespace lehr {

struct Checked {
  std::vector<std::string> mistakes;
  NameIndex names;
  Compiled compiled;  // only without mistakes
};

// `unusable` marks variables whose description is known to be broken (and was reported) by the caller: they
// are known by name only. Lowers the upper bounds to what the steps reach.
Checked check(std::vector<Variable>& variables, const std::vector<Condition>& forbidden,
              const std::vector<bool>& unusable);

// What is wrong with the variable's own domain; nothing when it is sound. check_domain.cpp
std::vector<std::string> domain_mistakes(const Variable& variable);

// What is wrong with the names and values of a condition, for a place such as "num_threads: its condition". A
// variable that is not usable is only checked for its existence. check_condition.cpp
std::vector<std::string> condition_mistakes(const Condition& condition, const std::string& place,
                                            const std::vector<Variable>& variables, const NameIndex& names,
                                            const std::vector<bool>& usable);

// Whether some configuration is legal and every variable can be active. `variables` and `forbidden` must be
// sound. check_legality.cpp
std::vector<std::string> legality_mistakes(const std::vector<Variable>& variables,
                                           const std::vector<Condition>& forbidden, Compiled& compiled);

}  // namespace lehr
