// The problems by name.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lehr/problems/problem.hpp"

namespace lehr {

std::vector<std::string> problem_names();
// Names of families of random problems; one of them is made by NAME#SEED.
std::vector<std::string> generator_names();
// Throws OptionError with the names there are.
std::shared_ptr<const Problem> make_problem(const std::string& name);

}  // namespace lehr
