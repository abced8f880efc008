// An honest attempt to beat a problem's claimed optimum: random points, then hill climbing on the truth.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lehr/problems/problem.hpp"

namespace lehr {

struct HardSearch {
  Configuration configuration;  // empty when nothing feasible was met
  double objective = missing;
  std::size_t evaluations = 0;
};

// The best feasible truth among `n` evaluations: half random draws, half climbs from the best of them with
// steps of every size, structural and numeric.
HardSearch search_hard(const Problem& problem, std::size_t n, std::uint64_t seed);

}  // namespace lehr
