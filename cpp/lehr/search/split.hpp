// TPE's split of a history into the better results (below) and the rest (above).
#pragma once

#include <cstddef>
#include <vector>

#include "lehr/search/history.hpp"

namespace lehr {

struct Split {
  std::vector<std::size_t> below;  // trial numbers, ascending
  std::vector<std::size_t> above;  // ascending; pending trials are here
};

// How many of n finished trials are 'below': ceil(share n), at most `limit`.
std::size_t below_count(std::size_t n, double share, std::size_t limit);

// Feasible results by what they are worth, then infeasible ones by violation, then those that never ran.
// Without `failures_below` the last kind never is 'below': equal failures carry no information on what is
// good, and 'below' may then be empty.
Split split(const History& history, const TpeOptions& options);

// The 'below' side of the same split, kept up to date trial by trial: the rank of a told trial never changes,
// so only the best few must be remembered. Where standard errors are told, the split is made anew.
class Below {
 public:
  // Takes in what was told since the last call.
  void update(const History& history, const TpeOptions& options);
  const std::vector<std::size_t>& trials() const { return trials_; }  // ascending

 private:
  std::size_t told_ = 0;
  std::vector<std::size_t> ranked_;  // best first, at most below_limit
  std::vector<std::size_t> trials_;
};

}  // namespace lehr
