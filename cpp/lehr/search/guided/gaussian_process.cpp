#include "lehr/search/guided/gaussian_process.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

#include "lehr/estimators/elementary.hpp"
#include "lehr/search/guided/cholesky.hpp"

namespace lehr::guided {
namespace {

using elementary::Block;
using elementary::block_width;

// Variance of the constant, in that of standardised values. Wide: the values are centred at their own mean,
// so that a narrow one would take whatever all rows have in common, such as a value that none of them lacks,
// to be known.
constexpr double constant = 10.0;
constexpr double root_five = 2.23606797749978969641;
constexpr double smallest_noise = 1e-6;
constexpr double largest_extra = 1e9;  // a value with such an error says nothing
constexpr std::size_t lanes = 16;      // candidates predicted together

// Where a variable is active in one row only, the rows count as half its range apart.
constexpr double distance_to_missing = 0.5;

double distance(const Feature& feature, double a, double b) {
  if (std::isnan(a) || std::isnan(b)) {
    return std::isnan(a) && std::isnan(b) ? 0.0 : feature.categorical() ? 1.0 : distance_to_missing;
  }
  if (feature.categorical()) return a == b ? 0.0 : 1.0;
  return std::abs(a - b);
}

double effect(const Feature& feature, double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return 0.0;
  if (feature.categorical()) return a == b ? 1.0 : 0.0;
  return (2.0 * a - 1.0) * (2.0 * b - 1.0);
}

template <class F>
void for_blocks(std::span<double> values, F f) {
  std::size_t i = 0;
  for (; i + block_width <= values.size(); i += block_width) {
    Block block;
    std::memcpy(&block, values.data() + i, sizeof block);
    block = f(block);
    std::memcpy(values.data() + i, &block, sizeof block);
  }
  for (; i < values.size(); ++i) values[i] = f(values[i]);
}

}  // namespace

GaussianProcess::GaussianProcess(std::vector<Feature> features, const GaussianProcessOptions& options)
    : features_(std::move(features)), options_(options) {
  const std::size_t d = features_.size();
  const auto width = static_cast<double>(std::max<std::size_t>(d, 1));
  center_.assign(first_main + 2 * d, 0.0);
  spread_.assign(center_.size(), 1.5);
  center_[noise_at] = std::log(1e-3);
  spread_[noise_at] = 2.0;
  center_[whole_at] = std::log(0.4);
  for (std::size_t j = 0; j < d; ++j) {
    const double weight = features_[j].categorical() ? 1.0 : options_.trend;
    center_[main_at(j)] = std::log(weight * 0.8 / std::sqrt(width) / std::max(1.0, std::sqrt(width / 8.0)));
    // Lengths grow with the root of the number of variables, so that points of a large space still say
    // something about each other (Hvarfner et al., "Vanilla Bayesian optimization performs great in high
    // dimensions", 2024).
    center_[reach_at(j)] = std::log((features_[j].categorical() ? 1.5 : 4.0) / std::sqrt(width));
    spread_[reach_at(j)] = 1.0;
  }
  log_ = center_;
  movable_.push_back(noise_at);
  if (options_.whole) movable_.push_back(whole_at);
  for (std::size_t j = 0; j < d; ++j) {
    if (options_.mains) movable_.push_back(main_at(j));
    if (options_.whole) movable_.push_back(reach_at(j));
  }
}

double GaussianProcess::log_prior(std::size_t at, double value) const {
  const double z = (value - center_[at]) / spread_[at];
  return -0.5 * z * z;
}

void GaussianProcess::set(std::span<const double> rows, std::span<const double> values,
                          std::span<const double> variances, double scale) {
  const std::size_t d = features_.size();
  n_ = values.size();
  rows_.assign(rows.begin(), rows.end());
  double sum = 0.0;
  for (const double value : values) sum += value;
  shift_ = n_ == 0 ? 0.0 : sum / static_cast<double>(n_);
  // The expected spread counts as one observation.
  double squares = scale * scale;
  for (const double value : values) squares += (value - shift_) * (value - shift_);
  scale_ = std::sqrt(squares / static_cast<double>(std::max<std::size_t>(n_, 1)));
  values_.clear();
  for (const double value : values) values_.push_back((value - shift_) / scale_);
  extra_.assign(n_, 0.0);
  for (std::size_t i = 0; i < variances.size(); ++i)
    extra_[i] = std::min(variances[i] / (scale_ * scale_), largest_extra);

  const std::size_t pairs = packed_size(n_);
  effects_.resize(d * pairs);
  distances_.resize(d * pairs);
  for (std::size_t j = 0; j < d; ++j) {
    double* effects = effects_.data() + j * pairs;
    double* distances = distances_.data() + j * pairs;
    for (std::size_t a = 0; a < n_; ++a) {
      const double left = rows_[a * d + j];
      for (std::size_t b = a; b < n_; ++b) {
        const double right = rows_[b * d + j];
        *effects++ = effect(features_[j], left, right);
        *distances++ = distance(features_[j], left, right);
      }
    }
  }
  sum_terms();
}

void GaussianProcess::log_correlation(std::size_t j, double log_reach, std::span<double> out) const {
  const std::size_t pairs = packed_size(n_);
  const double* const distances = distances_.data() + j * pairs;
  const double reach = std::exp(log_reach);
  if (features_[j].categorical()) {
    for (std::size_t i = 0; i < pairs; ++i) out[i] = -reach * distances[i];
    return;
  }
  for (std::size_t i = 0; i < pairs; ++i) out[i] = root_five * reach * distances[i];
  for_blocks(out.first(pairs), [](auto z) {
    using T = decltype(z);
    return elementary::log<T>(1.0 + z + z * z * (1.0 / 3.0)) - z;
  });
}

void GaussianProcess::sum_terms() {
  const std::size_t d = features_.size();
  const std::size_t pairs = packed_size(n_);
  mains_.assign(pairs, 0.0);
  logs_.assign(pairs, 0.0);
  correlation_.resize(pairs);
  for (std::size_t j = 0; j < d; ++j) {
    if (options_.mains) {
      const double main = std::exp(log_[main_at(j)]);
      const double* const effects = effects_.data() + j * pairs;
      for (std::size_t i = 0; i < pairs; ++i) mains_[i] += main * effects[i];
    }
    if (options_.whole) {
      log_correlation(j, log_[reach_at(j)], correlation_);
      for (std::size_t i = 0; i < pairs; ++i) logs_[i] += correlation_[i];
    }
  }
}

bool GaussianProcess::build(std::span<const double> mains, std::span<const double> logs, double whole,
                            double noise) {
  work_.assign(logs.begin(), logs.end());
  if (options_.whole) {
    for_blocks(std::span<double>(work_), [](auto z) { return elementary::exp<decltype(z)>(z); });
  } else {
    whole = 0.0;
  }
  for (std::size_t i = 0; i < work_.size(); ++i) work_[i] = constant + mains[i] + whole * work_[i];
  for (std::size_t k = 0; k < n_; ++k)
    work_[packed_column(k, n_)] += std::max(noise, smallest_noise) + extra_[k];
  return factor(work_, n_);
}

double GaussianProcess::posterior(std::span<const double> mains, std::span<const double> logs,
                                  const std::vector<double>& log) {
  if (!build(mains, logs, std::exp(log[whole_at]), std::exp(log[noise_at]))) return -1e300;
  alpha_ = values_;
  solve_lower(work_, n_, alpha_);
  double fit = 0.0;
  for (const double value : alpha_) fit += value * value;
  double total = -0.5 * fit - log_determinant_half(work_, n_);
  for (const std::size_t at : movable_) total += log_prior(at, log[at]);
  return total;
}

bool GaussianProcess::try_step(std::size_t at, double value) {
  const std::size_t d = features_.size();
  const std::size_t pairs = packed_size(n_);
  const double before = log_[at];
  trial_mains_ = mains_;
  trial_logs_ = logs_;
  if (at >= first_main + d) {
    const std::size_t j = at - first_main - d;
    log_correlation(j, before, correlation_);
    for (std::size_t i = 0; i < pairs; ++i) trial_logs_[i] -= correlation_[i];
    log_correlation(j, value, correlation_);
    for (std::size_t i = 0; i < pairs; ++i) trial_logs_[i] += correlation_[i];
  } else if (at >= first_main) {
    const double change = std::exp(value) - std::exp(before);
    const double* const effects = effects_.data() + (at - first_main) * pairs;
    for (std::size_t i = 0; i < pairs; ++i) trial_mains_[i] += change * effects[i];
  }
  log_[at] = value;
  const double reached = posterior(trial_mains_, trial_logs_, log_);
  if (reached <= current_) {
    log_[at] = before;
    return false;
  }
  current_ = reached;
  mains_.swap(trial_mains_);
  logs_.swap(trial_logs_);
  return true;
}

void GaussianProcess::refine(std::size_t evaluations) {
  if (n_ < 2) return;
  constexpr std::array<double, 3> steps{1.2, 0.6, 0.3};
  current_ = posterior(mains_, logs_, log_);
  for (std::size_t spent = 0; spent < evaluations;) {
    const std::size_t at = movable_[cursor_];
    const double step = steps[round_ % steps.size()];
    const double before = log_[at];
    ++spent;
    if (!try_step(at, before + step)) {
      ++spent;
      try_step(at, before - step);
    }
    if (++cursor_ == movable_.size()) {
      cursor_ = 0;
      ++round_;
    }
  }
  // Sums that were changed step by step carry rounding errors.
  sum_terms();
}

void GaussianProcess::condition() {
  const std::size_t d = features_.size();
  whole_ = options_.whole ? std::exp(log_[whole_at]) : 0.0;
  noise_ = std::max(std::exp(log_[noise_at]), smallest_noise);
  main_.assign(d, 0.0);
  reach_.assign(d, 0.0);
  for (std::size_t j = 0; j < d; ++j) {
    main_[j] = options_.mains ? std::exp(log_[main_at(j)]) : 0.0;
    reach_[j] = std::exp(log_[reach_at(j)]) * (features_[j].categorical() ? 1.0 : root_five);
  }
  // A kernel that is not positive definite to the last digit gets more noise; the bound is never reached.
  double noise = noise_;
  for (int attempt = 0; attempt < 8 && !build(mains_, logs_, whole_, noise); ++attempt) noise *= 10.0;
  alpha_ = values_;
  solve_lower(work_, n_, alpha_);
  solve_upper(work_, n_, alpha_);
}

double GaussianProcess::noise_variance() const { return noise_ * scale_ * scale_; }

double GaussianProcess::evidence() {
  return posterior(mains_, logs_, log_) - static_cast<double>(n_) * std::log(scale_);
}

void GaussianProcess::predict(std::span<const double> rows, std::span<double> mean,
                              std::span<double> variance) const {
  const std::size_t d = features_.size();
  const std::size_t count = mean.size();
  cross_.resize(n_ * lanes);
  std::array<double, lanes> exponent, factor;
  for (std::size_t first = 0; first < count; first += lanes) {
    const std::size_t here = std::min(lanes, count - first);
    std::array<double, lanes> sum{}, explained{};
    for (std::size_t i = 0; i < n_; ++i) {
      double* const cross = cross_.data() + i * lanes;
      std::fill(cross, cross + lanes, constant);
      exponent.fill(0.0);
      factor.fill(1.0);
      for (std::size_t j = 0; j < d; ++j) {
        const Feature& feature = features_[j];
        const double known = rows_[i * d + j];
        for (std::size_t lane = 0; lane < here; ++lane) {
          const double asked = rows[(first + lane) * d + j];
          cross[lane] += main_[j] * effect(feature, known, asked);
          const double z = reach_[j] * distance(feature, known, asked);
          exponent[lane] -= z;
          if (!feature.categorical()) factor[lane] *= 1.0 + z + z * z * (1.0 / 3.0);
        }
      }
      for_blocks(std::span<double>(exponent), [](auto z) { return elementary::exp<decltype(z)>(z); });
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        cross[lane] += whole_ * factor[lane] * exponent[lane];
        sum[lane] += alpha_[i] * cross[lane];
      }
    }
    for (std::size_t lane = 0; lane < here; ++lane) mean[first + lane] = shift_ + scale_ * sum[lane];
    if (variance.empty()) continue;
    solve_lower_many(work_, n_, cross_, lanes);
    for (std::size_t i = 0; i < n_; ++i) {
      for (std::size_t lane = 0; lane < lanes; ++lane)
        explained[lane] += cross_[i * lanes + lane] * cross_[i * lanes + lane];
    }
    for (std::size_t lane = 0; lane < here; ++lane) {
      const double* const row = rows.data() + (first + lane) * d;
      double own = constant + whole_;
      for (std::size_t j = 0; j < d; ++j) own += main_[j] * effect(features_[j], row[j], row[j]);
      variance[first + lane] = scale_ * scale_ * std::max(own - explained[lane], 1e-10);
    }
  }
}

}  // namespace lehr::guided
