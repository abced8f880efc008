// How long a kernel takes, as a sum of tables over its parameters: the logarithm of a run time whose factors
// are those of docs/deploybench.md.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "lehr/base/rng.hpp"
#include "lehr/problems/cost_network.hpp"
#include "lehr/problems/tuning_rule.hpp"
#include "lehr/problems/tuning_variables.hpp"

namespace lehr {

// A time is common * roof(compute, memory): the slower of the two hides the other.
enum TimePart : std::size_t { common_time, compute_time, memory_time, time_parts };

// The tables in arbitrary units. `rules`: what fails; the best often lies close to it.
std::vector<CostTable> draw_times(Rng& rng, const TuningVariables& space,
                                  const std::vector<TuningRule>& rules);

}  // namespace lehr
