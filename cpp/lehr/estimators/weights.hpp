// How much each observation counts, by its age.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace lehr {

// Weights of n observations in the order they came: flat for the last 25, a linear ramp from 1/n to 1 before
// (Optuna's default_weights).
std::vector<double> recency_weights(std::size_t n);
void recency_weights(std::span<double> out);

}  // namespace lehr
