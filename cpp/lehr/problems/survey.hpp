// What is known of a problem by looking at all of it, or at much of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lehr/problems/problem.hpp"

namespace lehr {

// The optimum by enumeration of a finite space; of equals, the first in lexicographic order of codes.
// `families` lists every family that reaches it.
Optimum best_of_all(const Problem& problem);

// Share of the draws of random search whose truth is infeasible.
struct Share {
  double share = 0.0;
  double low = 0.0;  // 95 % interval (Wilson); low = share = high when exact
  double high = 0.0;
  bool exact = false;
  std::size_t looked_at = 0;  // configurations, or draws
};

// Exact where the space is listable, each configuration weighted by the chance that a draw gives it; else
// from n draws (n >= 1).
Share invalid_share(const Problem& problem, std::size_t n, std::uint64_t seed);

// One value of the family variable.
struct FamilyBest {
  double code = 0.0;
  std::size_t configurations = 0;
  std::size_t feasible = 0;
  double objective = missing;  // of the best feasible one
};

// In the order of the family's choices, by enumeration. Empty where there is no family variable or the space
// is not listable.
std::vector<FamilyBest> best_of_family(const Problem& problem);

}  // namespace lehr
