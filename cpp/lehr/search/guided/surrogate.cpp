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

}  // namespace

Surrogate::Surrogate(const std::vector<Feature>& features, double anchor, const SurrogateOptions& options)
    : features_(features),
      width_(features.size()),
      anchor_(anchor),
      options_(options),
      process_(features, options.process) {}

void Surrogate::add(std::span<const double> row, double value, bool at_least) {
  if (at_least && !options_.censored) return;
  rows_.insert(rows_.end(), row.begin(), row.end());
  if (positive_ == values_.size() && value > 0.0) ++positive_;
  values_.push_back(value);
  at_least_.push_back(at_least ? 1 : 0);
  censored_ += at_least ? 1 : 0;
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
  const auto take = [&](std::size_t i, double value, double variance) {
    const auto row = rows_.begin() + static_cast<std::ptrdiff_t>(i * width_);
    load_rows_.insert(load_rows_.end(), row, row + static_cast<std::ptrdiff_t>(width_));
    load_values_.push_back(value - trend({rows_.data() + i * width_, width_}));
    load_variances_.push_back(variance);
  };
  for (const std::size_t i : which) {
    if (!at_least_[i]) take(i, to_scale(values_[i]), 0.0);
  }
  const double spread = expected_spread();
  if (load_values_.size() < which.size()) {
    // What is censored counts as the mean of what is left of its prediction (one step of expectation
    // maximisation).
    const bool known = !load_values_.empty();
    if (known) {
      process_.set(load_rows_, load_values_, load_variances_, spread);
      process_.condition();
    }
    slope_ = 0.0;
    for (const std::size_t i : which) {
      if (!at_least_[i]) continue;
      const double off = trend({rows_.data() + i * width_, width_});
      const double bound = to_scale(values_[i]) - off;
      double mean = bound, variance = spread * spread;
      if (known) process_.predict({rows_.data() + i * width_, width_}, {&mean, 1}, {&variance, 1});
      const Tail tail =
          upper_tail_moments(mean, std::sqrt(variance + (known ? process_.noise_variance() : 0.0)), bound);
      take(i, tail.mean + off, tail.variance);
    }
  }
  take_base();
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

bool Surrogate::based() const {
  return base_ != nullptr && base_->observations() > 0 &&
         (values_.empty() || base_->warp_.kind == warp_.kind);
}

std::vector<double> Surrogate::base_means(std::span<const double> rows) const {
  const std::size_t count = rows.size() / width_;
  std::vector<double> mean(count), variance(count);
  base_->predict(rows, mean, variance);
  return mean;
}

// Takes off the loaded values what the base predicts, by the slope that fits them best; slope 1 counts as
// much as two observations.
void Surrogate::take_base() {
  slope_ = 0.0;
  if (!based()) return;
  const std::vector<double> means = base_means(load_rows_);
  const auto n = static_cast<double>(load_values_.size());
  double value_sum = 0.0, mean_sum = 0.0;
  for (std::size_t i = 0; i < means.size(); ++i) {
    value_sum += load_values_[i];
    mean_sum += means[i];
  }
  double squares = 0.0, products = 0.0;
  for (std::size_t i = 0; i < means.size(); ++i) {
    squares += (means[i] - mean_sum / n) * (means[i] - mean_sum / n);
    products += (means[i] - mean_sum / n) * (load_values_[i] - value_sum / n);
  }
  const double spread = base_->process_.scale();
  const double prior = 2.0 * spread * spread;
  slope_ = std::max(0.0, (products + prior) / (squares + prior));
  for (std::size_t i = 0; i < means.size(); ++i) load_values_[i] -= slope_ * means[i];
}

void Surrogate::predict(std::span<const double> rows, std::span<double> mean,
                        std::span<double> variance) const {
  process_.predict(rows, mean, variance);
  for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += trend(rows.subspan(i * width_, width_));
  if (slope_ == 0.0) return;
  const std::vector<double> means = base_means(rows);
  for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += slope_ * means[i];
}

void Surrogate::settle(std::span<const double> pending_rows) {
  const std::size_t n = values_.size();
  const auto scale_for = [&](std::size_t count) {
    warp_ = count == 0 && base_ != nullptr ? base_->warp_ : Warp{};
    if (options_.unskew) warp_ = unskewed({values_.data(), count});
    if (options_.logarithm && (count > 0 || grows()) && positive_ >= count &&
        (!std::isfinite(anchor_) || anchor_ > 0.0))
      warp_.kind = Warp::Kind::logarithm;
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
