// Plain continuous test functions, without limits or failures: what a method gives up where nothing fights
// back.
#pragma once

#include <memory>

#include "lehr/problems/problem.hpp"

namespace lehr {

std::shared_ptr<const Problem> plain_branin();
std::shared_ptr<const Problem> hartmann6();
std::shared_ptr<const Problem> sphere100();

}  // namespace lehr
