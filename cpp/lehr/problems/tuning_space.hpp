// tuning_space#SEED: random spaces with the habits of kernel tuning: ordered and two-valued parameters, rules
// on products, sums of products, quotients and remainders, run times with cliffs and plateaus.
#pragma once

#include <cstdint>
#include <memory>

#include "lehr/problems/problem.hpp"

namespace lehr {

// Throws OptionError unless seed < 2^31.
std::shared_ptr<const Problem> tuning_space(std::uint64_t seed);

}  // namespace lehr
