// A large space of categoricals whose objective is almost without structure.
#pragma once

#include <memory>

#include "lehr/problems/problem.hpp"

namespace lehr {

std::shared_ptr<const Problem> rugged();

}  // namespace lehr
