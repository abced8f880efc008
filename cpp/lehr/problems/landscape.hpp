// smooth_space#SEED and rugged_space#SEED: classic test functions, moved, turned and rescaled by a seed, so
// that nothing can be tuned to where their optima lie. No limits, no failures, no noise.
#pragma once

#include <cstdint>
#include <memory>

#include "lehr/problems/problem.hpp"

namespace lehr {

// One valley, more or less bent or stretched: sphere, ellipsoid, sum of powers, cone, Rosenbrock. 2 to 12
// real, logarithmic and integer variables. Throws OptionError unless seed < 2^31.
std::shared_ptr<const Problem> smooth_space(std::uint64_t seed);

// Many valleys: Rastrigin, Ackley, Griewank or Levy over such variables, 2 to 8, in one half of the seeds; in
// the other an NK landscape over ordered and unordered lists. Throws OptionError unless seed < 2^31.
std::shared_ptr<const Problem> rugged_space(std::uint64_t seed);

}  // namespace lehr
