// deploy_space#SEED: random spaces with the habits of deployment: combinations that crash, memory that runs
// out, limits that multiply, plateaus.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "lehr/problems/problem.hpp"

namespace lehr {

// Throws OptionError unless seed < 2^31.
std::shared_ptr<const Problem> deploy_space(std::uint64_t seed);

}  // namespace lehr
