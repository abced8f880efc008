// The problems by name.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lehr/problems/problem.hpp"

namespace lehr {

std::vector<std::string> problem_names();
// The problem of the name, or of a family of random problems for NAME#SEED. Throws OptionError with the names
// there are.
std::shared_ptr<const Problem> make_problem(const std::string& name);

}  // namespace lehr
