// What the results of a search are worth once standard errors are told with them.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "lehr/search/options.hpp"

namespace lehr {

class History;

// Results of one configuration count as one, each metric and the objective the combined estimate of what they
// are. Where a standard error is not known, it is taken to be the median of those told of that quantity. A
// configuration whose combined metrics meet every limit is worth its combined score, shrunk (estimate.hpp)
// among the scores of all such configurations; one that misses a limit, minus infinity, unless all do.
class Worth {
 public:
  // Takes in what was told since the last call.
  void update(const History& history, const Options& options);

  // Of a feasible trial: what its configuration is worth.
  double of(std::size_t trial) const { return worth_[trial]; }
  // A feasible trial of the configuration that is worth most, the one with the least error; the first among
  // equals.
  std::optional<std::size_t> best() const { return best_; }

 private:
  std::size_t told_ = 0;
  std::vector<double> worth_;
  std::optional<std::size_t> best_;
};

}  // namespace lehr
