#include "lehr/search/worth.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "lehr/search/codes.hpp"
#include "lehr/search/estimate.hpp"
#include "lehr/search/hash_index.hpp"
#include "lehr/search/history.hpp"

namespace lehr {
namespace {

double median(std::vector<double> values) {
  if (values.empty()) return 0.0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Trials that ran, by configuration, each in the order told.
std::vector<std::vector<std::size_t>> by_configuration(const History& history) {
  std::vector<std::vector<std::size_t>> groups;
  HashIndex index;  // of groups
  for (const std::size_t trial : history.told()) {
    if (history.outcome(trial) != Outcome::ok) continue;
    const std::span<const double> codes = history.codes(trial);
    const std::uint64_t hash = hash_codes(codes);
    const bool known = index.any(hash, [&](std::size_t group) {
      if (!same_codes(history.codes(groups[group].front()), codes)) return false;
      groups[group].push_back(trial);
      return true;
    });
    if (known) continue;
    index.add(hash, groups.size());
    groups.push_back({trial});
  }
  return groups;
}

// One quantity, measured in trials that ran.
struct Measured {
  template <class Value, class Sem>
  Measured(const std::vector<std::vector<std::size_t>>& groups, Value value, Sem sem) {
    std::vector<double> sems;
    for (const std::vector<std::size_t>& group : groups) {
      for (const std::size_t trial : group) {
        if (!std::isnan(sem(trial))) sems.push_back(sem(trial));
      }
    }
    const double typical = median(std::move(sems));
    std::vector<Estimate> measurements;
    for (const std::vector<std::size_t>& group : groups) {
      measurements.clear();
      for (const std::size_t trial : group)
        measurements.push_back(measured(value(trial), std::isnan(sem(trial)) ? typical : sem(trial)));
      estimates.push_back(combined(measurements));
    }
  }
  std::vector<Estimate> estimates;  // per group
};

double error(const History& history, std::size_t trial) {
  const double sem = history.objective_sem(trial);
  return std::isnan(sem) ? std::numeric_limits<double>::infinity() : sem;
}

}  // namespace

void Worth::update(const History& history, const Options& options) {
  if (told_ == history.told().size()) return;
  told_ = history.told().size();
  const std::vector<std::vector<std::size_t>> groups = by_configuration(history);
  const auto is_feasible = [&](std::size_t trial) { return history.standing(trial) == Standing::feasible; };

  std::vector<bool> meets(groups.size(), true);
  for (std::size_t j = 0; j < options.constraints.size(); ++j) {
    const Measured metric(
        groups, [&](std::size_t trial) { return history.metrics(trial)[j]; },
        [&](std::size_t trial) { return history.metric_sem(trial, j); });
    for (std::size_t g = 0; g < groups.size(); ++g)
      meets[g] = meets[g] && !options.constraints[j].missed(metric.estimates[g].value);
  }
  // Some trial has to show it.
  for (std::size_t g = 0; g < groups.size(); ++g)
    meets[g] = meets[g] && std::any_of(groups[g].begin(), groups[g].end(), is_feasible);
  if (std::find(meets.begin(), meets.end(), true) == meets.end()) {
    for (std::size_t g = 0; g < groups.size(); ++g)
      meets[g] = std::any_of(groups[g].begin(), groups[g].end(), is_feasible);
  }

  const Measured score(
      groups, [&](std::size_t trial) { return history.score(trial); },
      [&](std::size_t trial) { return history.objective_sem(trial); });
  std::vector<Estimate> kept;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    if (meets[g]) kept.push_back(score.estimates[g]);
  }
  const std::vector<double> worths = shrunk(kept);

  worth_.assign(history.size(), -std::numeric_limits<double>::infinity());
  best_.reset();
  std::size_t at = 0;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    if (!meets[g]) continue;
    const double worth = worths[at++];
    for (const std::size_t trial : groups[g]) {
      worth_[trial] = worth;
      if (!is_feasible(trial)) continue;
      const bool better = !best_ || worth > worth_[*best_] ||
                          (worth == worth_[*best_] && error(history, trial) < error(history, *best_));
      if (better) best_ = trial;
    }
  }
}

}  // namespace lehr
