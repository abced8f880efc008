// The variables of a random deployment-like space.
#pragma once

#include <vector>

#include "lehr/base/rng.hpp"
#include "lehr/space/variable.hpp"

namespace lehr {

// Positions of the two variables that every such space has.
constexpr std::size_t kModel = 0;  // categorical, the family
constexpr std::size_t kBatch = 1;  // integer, logarithmic

// 3 to 8 variables, at most 60,000 combinations when all are active.
std::vector<Variable> deploy_variables(Rng& rng);

// Position of a legal code in its variable's domain.
inline std::size_t place_of(const Variable& variable, double code) {
  return static_cast<std::size_t>(variable.kind == Kind::integer ? code - variable.low : code);
}

}  // namespace lehr
