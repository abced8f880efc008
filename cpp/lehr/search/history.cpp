#include "lehr/search/history.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lehr/search/violation.hpp"

namespace lehr {

History::History(const Space& space, const Options& options)
    : width_(space.size()),
      constraints_(options.constraints.size()),
      sign_(options.direction == Direction::maximize ? 1.0 : -1.0),
      options_(&options) {}

void History::reserve(std::size_t trials) {
  codes_.reserve(trials * width_);
  origins_.reserve(trials);
  standings_.reserve(trials);
  outcomes_.reserve(trials);
  objectives_.reserve(trials);
  violations_.reserve(trials);
  metrics_.reserve(trials * constraints_);
  told_.reserve(trials);
}

Configuration History::configuration(std::size_t trial) const {
  const std::span<const double> row = codes(trial);
  return {row.begin(), row.end()};
}

std::size_t History::ask(const Configuration& configuration, Origin origin) {
  codes_.insert(codes_.end(), configuration.begin(), configuration.end());
  origins_.push_back(origin);
  standings_.push_back(Standing::pending);
  outcomes_.push_back(Outcome::ok);
  objectives_.push_back(missing);
  violations_.push_back(missing);
  seconds_.push_back(missing);
  metrics_.insert(metrics_.end(), constraints_, missing);
  if (noisy_) {
    objective_sems_.push_back(missing);
    metric_sems_.insert(metric_sems_.end(), constraints_, missing);
  }
  return origins_.size() - 1;
}

void History::tell_sems(std::size_t trial, const Result& result) {
  const auto known = [](double sem) { return !std::isnan(sem); };
  const bool any =
      known(result.objective_sem) || std::any_of(result.metrics_sem.begin(), result.metrics_sem.end(), known);
  if (!any) return;
  if (!noisy_) {
    noisy_ = true;
    objective_sems_.assign(size(), missing);
    metric_sems_.assign(size() * constraints_, missing);
  }
  objective_sems_[trial] = result.objective_sem;
  std::copy(result.metrics_sem.begin(), result.metrics_sem.end(),
            metric_sems_.begin() + static_cast<std::ptrdiff_t>(trial * constraints_));
}

void History::tell(std::size_t trial, const Result& result) {
  outcomes_[trial] = result.outcome;
  objectives_[trial] = result.objective;
  seconds_[trial] = result.seconds;
  std::copy(result.metrics.begin(), result.metrics.end(),
            metrics_.begin() + static_cast<std::ptrdiff_t>(trial * constraints_));
  tell_sems(trial, result);
  const double excess = lehr::violation(metrics(trial), options_->constraints, options_->violation_scale);
  // A trial that stopped itself early ran, when it can show by how much it missed; otherwise nothing is known
  // of it.
  const bool measured =
      result.outcome == Outcome::ok || (result.outcome == Outcome::early_stopped && excess > 0.0);
  if (!measured) {
    standings_[trial] = Standing::failed;
    violations_[trial] = options_->failure_violation > 0.0 ? options_->failure_violation
                                                           : std::numeric_limits<double>::infinity();
  } else {
    ++ran_;
    violations_[trial] = excess;
    standings_[trial] = excess > 0.0 ? Standing::infeasible : Standing::feasible;
  }
  if (standings_[trial] == Standing::feasible) {
    const double value = score(trial);
    lowest_score_ = feasible_ == 0 ? value : std::min(lowest_score_, value);
    highest_score_ = feasible_ == 0 ? value : std::max(highest_score_, value);
    ++feasible_;
    if (!best_ || value > score(*best_)) best_ = trial;
  }
  told_.push_back(trial);
}

std::vector<std::size_t> History::elites(std::size_t count) const {
  std::vector<std::size_t> trials;
  for (const std::size_t trial : told_) {
    if (standings_[trial] == Standing::feasible) trials.push_back(trial);
  }
  const std::size_t kept = std::min(count, trials.size());
  const auto better = [this](std::size_t a, std::size_t b) {
    return worth(a) != worth(b) ? worth(a) > worth(b) : a < b;
  };
  std::partial_sort(trials.begin(), trials.begin() + static_cast<std::ptrdiff_t>(kept), trials.end(), better);
  trials.resize(kept);
  return trials;
}

}  // namespace lehr
