// c-TPE: one ratio of densities for the objective and one for each constraint, multiplied (Watanabe and
// Hutter, "c-TPE: Tree-structured Parzen Estimator with Inequality Constraints", arXiv 2211.14411).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lehr/estimators/parzen.hpp"
#include "lehr/search/history.hpp"
#include "lehr/search/split.hpp"

namespace lehr {

class ConstrainedRatios {
 public:
  ConstrainedRatios(const History& history, const Options& options);

  // Takes in what happened since the last call. rows: a row of `dimensions` per trial, new ones at the end.
  void update(std::span<const Dimension> dimensions, std::span<const double> new_rows);
  std::size_t rows() const { return pairs_.front().below.slots(); }

  // Objective first, then the constraints in their order, then whether it ran.
  std::size_t count() const { return pairs_.size(); }
  const ParzenEstimator& below(std::size_t pair) const { return pairs_[pair].below; }
  double gamma(std::size_t pair) const { return pairs_[pair].gamma; }
  Split sides(std::size_t pair) const;

  // Adds up over the pairs log r, r = l / (gamma l + (1 - gamma) g), gamma being the share of finished trials
  // that are below.
  void log_ratios(std::span<const double> points, std::size_t count, std::span<double> out);

 private:
  enum class Side : std::uint8_t { neither, below, above };
  struct Pair {
    ParzenEstimator below, above;
    std::vector<Side> side;
    std::size_t finished_below = 0, finished_above = 0;
    double gamma = 1.0;
  };

  void put(Pair& pair, std::size_t trial, Side side);
  void split_objective();

  const History& history_;
  const Options& options_;
  std::vector<Pair> pairs_;
  bool begun_ = false;
  std::size_t told_ = 0;
  std::vector<std::size_t> by_score_;  // trials with an objective, best first
  std::vector<std::size_t> least_;  // per constraint: the trial that violates it least, while none meets it
  std::vector<std::size_t> met_;    // per constraint: how many meet it
  std::vector<double> log_below_, log_above_;
};

}  // namespace lehr
