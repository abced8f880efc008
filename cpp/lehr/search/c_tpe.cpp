#include "lehr/search/c_tpe.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lehr {
namespace {

constexpr std::size_t npos = static_cast<std::size_t>(-1);
constexpr double infinity = std::numeric_limits<double>::infinity();

double log_sum(double a, double b) {
  const double high = std::max(a, b);
  return high == -infinity ? -infinity : high + std::log1p(std::exp(std::min(a, b) - high));
}

}  // namespace

ConstrainedRatios::ConstrainedRatios(const History& history, const Options& options)
    : history_(history),
      options_(options),
      pairs_(options.constraints.size() + 2),
      least_(options.constraints.size(), npos),
      met_(options.constraints.size(), 0) {}

void ConstrainedRatios::put(Pair& pair, std::size_t trial, Side side) {
  if (pair.side[trial] == side) return;
  pair.side[trial] = side;
  pair.below.set_counts(trial, side == Side::below);
  pair.above.set_counts(trial, side == Side::above);
}

void ConstrainedRatios::update(std::span<const Dimension> dimensions, std::span<const double> new_rows) {
  const std::size_t width = dimensions.size();
  for (Pair& pair : pairs_) {
    if (!begun_) {
      pair.below.begin(dimensions, options_.tpe.prior_weight);
      pair.above.begin(dimensions, options_.tpe.prior_weight);
    }
    // A pending trial is above for the objective, so that trials asked for together keep apart; of the
    // constraints nothing is known yet.
    const bool objective = &pair == &pairs_.front();
    for (std::size_t i = 0; i < new_rows.size(); i += width) {
      pair.below.append(new_rows.subspan(i, width), false);
      pair.above.append(new_rows.subspan(i, width), objective);
      pair.side.push_back(objective ? Side::above : Side::neither);
    }
  }
  begun_ = true;
  const std::vector<std::size_t>& told = history_.told();
  for (; told_ < told.size(); ++told_) {
    const std::size_t trial = told[told_];
    const Standing standing = history_.standing(trial);
    put(pairs_.back(), trial, standing == Standing::failed ? Side::above : Side::below);
    ++(standing == Standing::failed ? pairs_.back().finished_above : pairs_.back().finished_below);
    // Without an objective the trial says nothing about it.
    put(pairs_.front(), trial, Side::neither);
    if (history_.outcome(trial) == Outcome::ok) {
      const auto better = [this](std::size_t a, std::size_t b) {
        return history_.score(a) != history_.score(b) ? history_.score(a) > history_.score(b) : a < b;
      };
      by_score_.insert(std::lower_bound(by_score_.begin(), by_score_.end(), trial, better), trial);
      put(pairs_.front(), trial, Side::above);
    }
    for (std::size_t j = 0; j < options_.constraints.size(); ++j) {
      Pair& pair = pairs_[j + 1];
      const Constraint& constraint = options_.constraints[j];
      const double metric = history_.metrics(trial)[j];
      if (standing == Standing::failed) {  // violates everything without bound
        put(pair, trial, Side::above);
        ++pair.finished_above;
      } else if (constraint.met(metric)) {
        put(pair, trial, Side::below);
        ++pair.finished_below;
        if (met_[j]++ == 0 && least_[j] != npos) put(pair, least_[j], Side::above);
      } else if (constraint.missed(metric)) {
        put(pair, trial, Side::above);
        ++pair.finished_above;
        if (met_[j] > 0) continue;
        const double value = constraint.mirrored(metric);
        const double least =
            least_[j] == npos ? infinity : constraint.mirrored(history_.metrics(least_[j])[j]);
        if (!(value < least || (value == least && trial < least_[j]))) continue;
        if (least_[j] != npos) put(pair, least_[j], Side::above);
        put(pair, trial, Side::below);
        least_[j] = trial;
      }
    }
  }
  split_objective();
  for (std::size_t j = 0; j < pairs_.size(); ++j) {
    Pair& pair = pairs_[j];
    std::size_t below = pair.finished_below, above = pair.finished_above;
    if (j > 0 && j + 1 < pairs_.size() && met_[j - 1] == 0 && least_[j - 1] != npos) ++below, --above;
    const std::size_t all = below + above;
    pair.gamma = all == 0 ? 1.0 : static_cast<double>(below) / static_cast<double>(all);
    pair.below.settle();
    pair.above.settle();
  }
}

// From the best objective downwards, feasible or not, until enough feasible ones are in. Where there are not
// enough, every result is below: the objective then has no say yet.
void ConstrainedRatios::split_objective() {
  Pair& pair = pairs_.front();
  const std::size_t wanted =
      below_count(history_.finished(), options_.tpe.below_share, options_.tpe.below_limit);
  std::size_t feasible = 0, count = 0;
  if (history_.feasible() < wanted) {
    count = by_score_.size();
  } else {
    while (feasible < wanted && count < by_score_.size())
      feasible += history_.standing(by_score_[count++]) == Standing::feasible ? 1 : 0;
  }
  for (std::size_t i = 0; i < by_score_.size(); ++i)
    put(pair, by_score_[i], i < count ? Side::below : Side::above);
  pair.finished_below = count;
  pair.finished_above = by_score_.size() - count;
}

Split ConstrainedRatios::sides(std::size_t pair) const {
  Split split;
  const std::vector<Side>& side = pairs_[pair].side;
  for (std::size_t trial = 0; trial < side.size(); ++trial) {
    if (side[trial] == Side::below) split.below.push_back(trial);
    if (side[trial] == Side::above) split.above.push_back(trial);
  }
  return split;
}

void ConstrainedRatios::log_ratios(std::span<const double> points, std::size_t count, std::span<double> out) {
  std::fill_n(out.begin(), count, 0.0);
  log_below_.resize(count);
  log_above_.resize(count);
  for (const Pair& pair : pairs_) {
    if (pair.gamma == 1.0) continue;  // r = 1 everywhere
    pair.below.log_pdf(points, count, log_below_);
    pair.above.log_pdf(points, count, log_above_);
    const double first = std::log(pair.gamma), second = std::log1p(-pair.gamma);
    for (std::size_t i = 0; i < count; ++i) out[i] -= log_sum(first, second + log_above_[i] - log_below_[i]);
  }
}

}  // namespace lehr
