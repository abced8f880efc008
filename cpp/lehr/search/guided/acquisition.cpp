// The acquisition function: what the models predict of candidates, and what a candidate is therefore worth.
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include "lehr/estimators/normal.hpp"
#include "lehr/search/guided/guided.hpp"
#include "lehr/search/guided/normal_tail.hpp"

namespace lehr {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();

}  // namespace

// How many failures lie about a candidate: each counts by its likeness, 1 for the same configuration.
double GuidedSearch::crowd(std::span<const double> row) const {
  constexpr double other_value =
      1.0;  // log likeness lost by a different choice, or by a variable that is inactive
  constexpr double whole_range = 2.0;  // and by a position at the other end
  const std::size_t width = encoding_.size();
  double sum = 0.0;
  for (std::size_t i = 0; i < ran_.size(); ++i) {
    double apart = 0.0;
    for (std::size_t j = 0; j < width; ++j) {
      const double here = row[j], there = rows_[i * width + j];
      if (std::isnan(here) || std::isnan(there)) {
        apart += std::isnan(here) == std::isnan(there) ? 0.0 : other_value;
      } else if (encoding_.feature(j).categorical()) {
        apart += here == there ? 0.0 : other_value;
      } else {
        apart += whole_range * std::abs(here - there);
      }
    }
    sum += std::exp(-apart);
  }
  return sum;
}

void GuidedSearch::evaluate(std::size_t first) {
  const GuidedOptions& options = context_.options.guided;
  log_probability_success_.resize(candidates_.size());
  for (std::vector<double>* part : {&log_probability_feasible_, &log_expected_improvement_, &log_crowd_}) {
    part->resize(first);
    part->resize(candidates_.size(), 0.0);
  }
  for (std::size_t i = first; i < candidates_.size(); ++i) {
    log_probability_success_[i] =
        options.failure_model ? std::log(std::max(probability_success(candidates_.row(i)), 1e-12)) : 0.0;
  }
  if (!anything_ran_ && options.spread) {
    for (std::size_t i = first; i < candidates_.size(); ++i)
      log_crowd_[i] = std::log(0.5 + crowd(candidates_.row(i)));
  }
  if (!covering_) evaluate_improvement(first);
  evaluate_feasibility(first);
}

// Expected improvement on the incumbent, as a logarithm.
void GuidedSearch::evaluate_improvement(std::size_t first) {
  if (!context_.history.best()) return;
  const std::size_t count = candidates_.size() - first;
  const std::size_t width = encoding_.size();
  mean_.resize(count);
  variance_.resize(count);
  objective_.predict({candidates_.rows().data() + first * width, count * width}, mean_, variance_);
  // Gains below a part of the spread count as nothing worth a risk: where nothing is left to gain, the safest
  // configuration comes next.
  const double least = std::log(context_.options.guided.least_gain * objective_.scale());
  for (std::size_t i = 0; i < count; ++i) {
    const double gain = guided::log_expected_improvement(mean_[i], std::sqrt(variance_[i]), incumbent_);
    log_expected_improvement_[first + i] =
        gain > least ? gain + std::log1p(std::exp(least - gain)) : least + std::log1p(std::exp(gain - least));
  }
  const double weight = context_.options.guided.cost_weight;
  if (weight == 0.0 || cost_.observations() == 0) return;
  cost_.predict({candidates_.rows().data() + first * width, count * width}, mean_, variance_);
  for (std::size_t i = 0; i < count; ++i) log_expected_improvement_[first + i] -= weight * mean_[i];
}

// The probability of meeting the limits, as a logarithm; at most 0, so that only candidates that could still
// be among the best few need it. The others count as hopeless.
void GuidedSearch::evaluate_feasibility(std::size_t first) {
  if (!context_.options.guided.limits) return;
  const std::size_t width = encoding_.size();
  order_.clear();
  for (std::size_t i = first; i < candidates_.size(); ++i) order_.emplace_back(acquisition(i), i);
  std::sort(order_.begin(), order_.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  constexpr std::size_t part = 16;
  std::array<double, most_climbers> best;
  best.fill(-infinite);
  std::array<double, part> mean{}, variance{};
  for (std::size_t from = 0; from < order_.size(); from += part) {
    const std::size_t count = std::min(part, order_.size() - from);
    if (order_[from].first <= best.back()) {
      for (std::size_t k = from; k < order_.size(); ++k)
        log_probability_feasible_[order_[k].second] = -infinite;
      break;
    }
    part_rows_.clear();
    for (std::size_t k = 0; k < count; ++k) {
      const std::span<const double> row = candidates_.row(order_[from + k].second);
      part_rows_.insert(part_rows_.end(), row.begin(), row.end());
    }
    for (std::size_t l = 0; l < limits_.size(); ++l) {
      const guided::TransferredSurrogate& model = limits_[l];
      if (!model.informed()) continue;
      model.predict({part_rows_.data(), count * width}, {mean.data(), count}, {variance.data(), count});
      const double limit = model.to_scale(context_.options.constraints[l].bound());
      for (std::size_t k = 0; k < count; ++k)
        log_probability_feasible_[order_[from + k].second] +=
            log_ndtr((limit - mean[k]) / std::sqrt(variance[k] + model.noise_variance()));
    }
    for (std::size_t k = 0; k < count; ++k) {
      const double reached = acquisition(order_[from + k].second);
      if (!(reached > best.back())) continue;
      best.back() = reached;
      std::sort(best.begin(), best.end(), std::greater<>());
    }
  }
}

// What a candidate is worth, as a logarithm. While values are wanted: how likely it is to be a fair trial of
// one of them, or of several.
double GuidedSearch::acquisition(std::size_t i) const {
  const GuidedOptions& options = context_.options.guided;
  // While nothing ran, every value is a suspect and beliefs about causes say little: what is least like all
  // that failed comes next, and nothing is tried again because it is thought the least bad.
  constexpr double belief = 0.3;
  if (!anything_ran_ && options.spread)
    return belief * log_probability_success_[i] + log_probability_feasible_[i] - log_crowd_[i];
  const double feasible = log_probability_success_[i] + log_probability_feasible_[i];
  if (!covering_) return (1.0 + options.caution) * feasible + log_expected_improvement_[i];
  std::size_t count = 0;
  coverage_.for_values(candidates_.row(i), [&](std::size_t value) { count += is_wanted_[value]; });
  return count == 0 ? -infinite : feasible + 0.5 * std::log(static_cast<double>(count));
}

std::size_t GuidedSearch::argmax() const {
  std::size_t best = 0;
  for (std::size_t i = 1; i < candidates_.size(); ++i) {
    if (acquisition(i) > acquisition(best)) best = i;
  }
  return best;
}

}  // namespace lehr
