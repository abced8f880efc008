// The parameters of a random kernel-tuning space.
#pragma once

#include <cstddef>
#include <vector>

#include "lehr/base/rng.hpp"
#include "lehr/space/variable.hpp"

namespace lehr {

constexpr std::size_t kMostParameters = 15;

struct TuningVariables {
  std::vector<Variable> variables;  // lists of whole numbers of 1 or more, then those of two values
  std::size_t numeric = 0;          // how many are lists
};

// `n` variables, 3 to 15, whose grid has about 10^digits configurations where lists of 2 to 16 values allow.
TuningVariables tuning_variables(Rng& rng, std::size_t n, double digits);

}  // namespace lehr
