#include "lehr/search/guided/surrogate.hpp"

#include <algorithm>
#include <cmath>

#include "lehr/search/guided/normal_tail.hpp"

namespace lehr::guided {
namespace {

// Hyperparameters follow the data at these sizes: each of the first, then whenever a twelfth was added.
std::size_t next_refinement(std::size_t n) { return n + std::max<std::size_t>(1, n / 12); }

// A positive quantity is expected to vary by a factor two before anything is known, any other by half its
// size.
constexpr double log_spread = 0.7;
constexpr double linear_spread = 0.5;

// What is measured elsewhere of the same quantity is expected to be wrong by this part of its spread, and the
// slope of its predictions to be 1 by as much as so many observations would say.
constexpr double base_error = 0.3;
constexpr double slope_observations = 2.0;

}  // namespace

Surrogate::Surrogate(const std::vector<Feature>& features, double anchor, const SurrogateOptions& options)
    : features_(features),
      width_(features.size()),
      anchor_(anchor),
      options_(options),
      process_(features, options.process),
      sign_(options.mirrored ? -1.0 : 1.0) {
  // Every observation costs in proportion to the number of variables.
  constexpr std::size_t few_variables = 10;
  if (width_ > few_variables)
    options_.most = std::max(options_.most_fit, options_.most * few_variables / width_);
}

void Surrogate::add(std::span<const double> row, double value, bool at_least, double sem) {
  if (at_least && !options_.censored) return;
  rows_.insert(rows_.end(), row.begin(), row.end());
  if (positive_ == values_.size() && sign_ * value > 0.0) ++positive_;
  values_.push_back(value);
  sems_.push_back(sem);
  at_least_.push_back(at_least ? 1 : 0);
  censored_ += at_least ? 1 : 0;
  if (base_ == nullptr) return;
  base_means_.push_back(0.0);
  base_->predict_means(row, {&base_means_.back(), 1});
}

double Surrogate::error_variance(double value, double sem) const {
  if (!(sem > 0.0)) return 0.0;
  const double error = sem * std::exp(warp_.log_slope(value));
  return error * error;
}

// Of the first `count` observations at most `most`: half of them nearest to the anchor, the others the
// latest.
std::vector<std::size_t> Surrogate::chosen(std::size_t count, std::size_t most) const {
  std::vector<std::size_t> which(count);
  for (std::size_t i = 0; i < count; ++i) which[i] = i;
  if (count <= most) return which;
  const double anchor =
      std::isfinite(anchor_)
          ? anchor_
          : *std::max_element(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(count));
  const std::size_t near = most / 2;
  std::stable_sort(which.begin(), which.end(), [&](std::size_t a, std::size_t b) {
    return std::abs(values_[a] - anchor) < std::abs(values_[b] - anchor);
  });
  std::sort(which.begin() + static_cast<std::ptrdiff_t>(near), which.end(), std::greater<>());
  which.resize(most);
  std::sort(which.begin(), which.end());
  return which;
}

double Surrogate::expected_spread() const {
  if (base_ != nullptr) return base_error * base_->process_.scale();
  if (warp_.kind != Warp::Kind::linear) return log_spread;
  double size = std::isfinite(anchor_) ? std::abs(anchor_) : 0.0;
  for (const double value : load_values_) size = std::max(size, std::abs(value));
  double spread = size > 0.0 ? linear_spread * size : 1.0;
  // The objective may lie far from zero: what it spreads over is soon known better from the data.
  if (std::isinf(anchor_) && load_values_.size() > 2) {
    const auto [low, high] = std::minmax_element(load_values_.begin(), load_values_.end());
    const double seen = *high - *low;
    if (seen > 0.0) spread = std::min(spread, seen * (1.0 + 10.0 / static_cast<double>(load_values_.size())));
  }
  return spread;
}

void Surrogate::load(const std::vector<std::size_t>& which, std::span<const double> pending_rows) {
  load_rows_.clear();
  load_values_.clear();
  load_variances_.clear();
  load_means_.clear();
  const auto take = [&](std::size_t i, double value, double variance) {
    const auto row = rows_.begin() + static_cast<std::ptrdiff_t>(i * width_);
    load_rows_.insert(load_rows_.end(), row, row + static_cast<std::ptrdiff_t>(width_));
    load_values_.push_back(value - trend({rows_.data() + i * width_, width_}));
    load_variances_.push_back(variance);
    if (base_ != nullptr) load_means_.push_back(base_means_[i]);
  };
  for (const std::size_t i : which) {
    if (!at_least_[i]) take(i, to_scale(values_[i]), error_variance(values_[i], sems_[i]));
  }
  const double spread = expected_spread();
  const auto without_base = [&] {
    std::vector<double> values = load_values_;
    if (base_ == nullptr) return values;
    slope_ = fitted_slope();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] -= slope_ * load_means_[i];
    return values;
  };
  if (load_values_.size() < which.size()) {
    // What is censored counts as the mean of what is left of its prediction (one step of expectation
    // maximisation).
    const bool known = !load_values_.empty();
    if (known) {
      process_.set(load_rows_, without_base(), load_variances_, spread);
      process_.condition();
    }
    const double slope = known && base_ != nullptr ? slope_ : 0.0;
    for (const std::size_t i : which) {
      if (!at_least_[i]) continue;
      const double off =
          trend({rows_.data() + i * width_, width_}) + (slope > 0.0 ? slope * base_means_[i] : 0.0);
      const double bound = to_scale(values_[i]) - off;
      double mean = bound, variance = spread * spread;
      if (known) process_.predict({rows_.data() + i * width_, width_}, {&mean, 1}, {&variance, 1});
      const Tail tail =
          upper_tail_moments(mean, std::sqrt(variance + (known ? process_.noise_variance() : 0.0)), bound);
      take(i, tail.mean + off, tail.variance);
    }
  }
  load_values_ = without_base();
  process_.set(load_rows_, load_values_, load_variances_, spread);
  if (pending_rows.empty()) return;
  process_.condition();
  const std::size_t count = pending_rows.size() / width_;
  std::vector<double> mean(count), variance(count);
  process_.predict(pending_rows, mean, variance);
  load_rows_.insert(load_rows_.end(), pending_rows.begin(), pending_rows.end());
  load_values_.insert(load_values_.end(), mean.begin(), mean.end());
  load_variances_.insert(load_variances_.end(), count, 0.0);
  process_.set(load_rows_, load_values_, load_variances_, spread);
}

// What grows with a variable that spans orders of magnitude grows like a power of it: latency and memory with
// a batch, a block or a cache. This much, in logarithms from the middle of the range to its ends, is expected
// before the data says otherwise; with no data, the limit in the middle.
double Surrogate::trend(std::span<const double> row) const {
  constexpr double rise = 0.5;
  if (!grows() || warp_.kind != Warp::Kind::logarithm) return 0.0;
  double sum = values_.empty() ? std::log(anchor_) : 0.0;
  for (std::size_t j = 0; j < row.size(); ++j) {
    if (features_[j].logarithmic && !std::isnan(row[j])) sum += rise * (2.0 * row[j] - 1.0);
  }
  return sum;
}

void Surrogate::predict_means(std::span<const double> rows, std::span<double> mean) const {
  process_.predict(rows, mean, {});
  for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += trend(rows.subspan(i * width_, width_));
}

// Of the base's predictions, to the loaded values.
double Surrogate::fitted_slope() const {
  const auto n = static_cast<double>(std::max<std::size_t>(load_means_.size(), 1));
  double value_sum = 0.0, mean_sum = 0.0;
  for (std::size_t i = 0; i < load_means_.size(); ++i) {
    value_sum += load_values_[i];
    mean_sum += load_means_[i];
  }
  double squares = 0.0, products = 0.0;
  for (std::size_t i = 0; i < load_means_.size(); ++i) {
    squares += (load_means_[i] - mean_sum / n) * (load_means_[i] - mean_sum / n);
    products += (load_means_[i] - mean_sum / n) * (load_values_[i] - value_sum / n);
  }
  const double spread = base_->process_.scale();
  const double prior = slope_observations * spread * spread;
  return std::max(0.0, (products + prior) / (squares + prior));
}

void Surrogate::predict(std::span<const double> rows, std::span<double> mean,
                        std::span<double> variance) const {
  process_.predict(rows, mean, variance);
  for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += trend(rows.subspan(i * width_, width_));
  if (base_ == nullptr) return;
  asked_means_.resize(mean.size());
  asked_variances_.resize(mean.size());
  base_->predict(rows, asked_means_, asked_variances_);
  for (std::size_t i = 0; i < mean.size(); ++i) {
    mean[i] += slope_ * asked_means_[i];
    variance[i] += slope_ * slope_ * asked_variances_[i];
  }
}

void Surrogate::settle(std::span<const double> pending_rows) {
  const std::size_t n = values_.size();
  const auto scale_for = [&](std::size_t count) {
    warp_ = base_ != nullptr ? base_->warp_ : Warp{};
    if (base_ != nullptr) return;
    if (options_.unskew) warp_ = unskewed({values_.data(), count});
    if (options_.logarithm && (count > 0 || grows()) && positive_ >= count &&
        (!std::isfinite(anchor_) || sign_ * anchor_ > 0.0)) {
      warp_.kind = Warp::Kind::logarithm;
      warp_.sign = sign_;
    }
  };
  while (true) {
    const std::size_t next = next_refinement(refined_);
    if (next > n) break;
    scale_for(next);
    load(chosen(next, options_.most_fit), {});
    process_.refine(40);
    refined_ = next;
  }
  scale_for(n);
  load(chosen(n, options_.most), pending_rows);
  process_.condition();
}

}  // namespace lehr::guided
