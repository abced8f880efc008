#include "lehr/search/simple.hpp"

#include <cmath>
#include <numeric>

#include "lehr/base/error.hpp"
#include "lehr/search/codes.hpp"

namespace lehr {
namespace {
constexpr std::size_t largest_grid = 1000000;
}

std::string RandomSearch::explain() const {
  return context_.evaluated.repeats() ? "Random search: every legal configuration may come at any time."
                                      : "Random search: legal configurations that were not tried before.";
}

void GridSearch::build() {
  std::size_t resolution = context_.options.grid_resolution;
  context_.space.enumerate(resolution, [&](const Configuration& configuration) {
    points_.insert(points_.end(), configuration.begin(), configuration.end());
    return ++count_ <= largest_grid;
  });
  if (count_ > largest_grid) {
    points_.clear();
    count_ = 0;
    throw OptionError("the grid has more than " + std::to_string(largest_grid) + " points at resolution " +
                      std::to_string(resolution) + "; lower grid_resolution, or use another method");
  }
  if (context_.options.budget < count_) {
    stride_ = static_cast<std::size_t>(0.6180339887498949 * static_cast<double>(count_)) | 1U;
    while (std::gcd(stride_, count_) != 1) ++stride_;
  }
}

std::span<const double> GridSearch::point(std::size_t k) const {
  const std::size_t row = (k * stride_) % count_;
  const std::size_t width = context_.space.size();
  return {points_.data() + row * width, width};
}

Proposal GridSearch::propose(Rng&) {
  if (count_ == 0) build();
  // With repeats each point is still visited once; without, it may have been evaluated already (added,
  // enqueued).
  if (context_.evaluated.repeats()) {
    cursor_ = 0;
    for (std::size_t trial = 0; trial < context_.history.size(); ++trial) {
      if (context_.history.origin(trial) != Origin::grid) continue;
      // Points between two that were visited were ruled out then.
      while (cursor_ < count_ && !same_codes(point(cursor_), context_.history.codes(trial))) ++cursor_;
      if (cursor_ < count_) ++cursor_;
    }
  }
  while (cursor_ < count_ && context_.evaluated.contains(point(cursor_))) ++cursor_;
  if (cursor_ >= count_) {
    throw ExhaustedError(
        "all " + std::to_string(count_) +
        " points of the grid have been evaluated, are being evaluated or are ruled out; raise "
        "grid_resolution for a finer grid, or use another method");
  }
  const std::span<const double> codes = point(cursor_);
  return {{codes.begin(), codes.end()}, Origin::grid};
}

std::string GridSearch::explain() const {
  if (count_ == 0) return "Grid search: the grid is laid out at the first ask.";
  return "Grid search over " + std::to_string(count_) + " points" +
         (stride_ == 1 ? ", in order." : ", spread evenly because the budget does not cover them all.");
}

}  // namespace lehr
