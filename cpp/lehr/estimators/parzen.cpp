#include "lehr/estimators/parzen.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "lehr/base/error.hpp"
#include "lehr/estimators/array_loops.hpp"
#include "lehr/estimators/bandwidths.hpp"
#include "lehr/estimators/elementary.hpp"
#include "lehr/estimators/truncated_normal.hpp"

namespace lehr {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// Normalisers of so many dimensions are multiplied before a logarithm is taken: far from overflow.
constexpr std::size_t product_length = 16;

}  // namespace

void ParzenEstimator::Column::prepare(const Dimension& given) {
  dimension = given;
  if (categorical()) {
    dimension.low = 0.0;
    dimension.high = static_cast<double>(given.choices - 1);
    return;
  }
  double low = given.low, high = given.high;
  if (discrete()) {
    // The last value may fall short of `high`; a high that is a value but for rounding is kept to the digit.
    const double steps = std::floor((high - low) / given.step + 1e-9);
    if (high - (low + steps * given.step) > 1e-9 * given.step) high = low + steps * given.step;
    dimension.high = high;
    low = edge(low - 0.5 * given.step);
    high = edge(high + 0.5 * given.step);
  } else {
    low = edge(low);
    high = edge(high);
  }
  half_origin = 0.5 * low;
  half_extent = 0.5 * high - half_origin;
  log_unit = discrete() || point()
                 ? 0.0
                 : -elementary::log_sqrt_two_pi - elementary::log(half_extent) - std::log(2.0);
}

// A value on the transformed scale. The lowest bin of a logarithmic dimension starts above 0 however wide its
// step.
double ParzenEstimator::Column::edge(double value) const {
  return dimension.log ? elementary::log(std::max(value, 0.5 * dimension.low)) : value;
}

double ParzenEstimator::Column::position(double value) const {
  return point() ? 0.5 : (0.5 * edge(value) - half_origin) / half_extent;
}

double ParzenEstimator::Column::raw(double at) const {
  const double transformed = 2.0 * (half_origin + at * half_extent);
  double value = dimension.log ? elementary::exp(transformed) : transformed;
  if (discrete()) {
    value = dimension.low + std::nearbyint((value - dimension.low) / dimension.step) * dimension.step;
  }
  return std::clamp(value, dimension.low, dimension.high);
}

bool ParzenEstimator::Column::contains(double value) const {
  return value >= dimension.low && value <= dimension.high;
}

void ParzenEstimator::fit(std::span<const Dimension> dimensions, std::span<const double> observations,
                          std::size_t n, double prior_weight) {
  if (!(prior_weight >= 0.0) || prior_weight == infinity) {
    throw OptionError("The prior weight must be a finite number >= 0, but " + std::to_string(prior_weight) +
                      " was given.");
  }
  kernels_ = n + 1;
  stride_ = loops::padded(kernels_);

  weights_.resize(kernels_);
  recency_weights(std::span<double>(weights_).first(n));
  weights_[n] = n == 0 ? 1.0 : prior_weight;
  const double total = std::accumulate(weights_.begin(), weights_.end(), 0.0);
  for (double& weight : weights_) weight /= total;
  cumulative_.resize(kernels_);
  std::partial_sum(weights_.begin(), weights_.end(), cumulative_.begin());

  columns_.resize(dimensions.size());
  for (std::size_t d = 0; d < dimensions.size(); ++d) {
    Column& column = columns_[d];
    column.prepare(dimensions[d]);
    column.factor.assign(stride_, 1.0);
    if (column.categorical()) {
      fit_categorical(column, d, observations, prior_weight);
    } else {
      fit_numeric(column, d, observations);
    }
  }
}

// Kernel of an observed choice: 1 + w for it, w for the others, normalised, where w is the prior's weight
// over the number of kernels. The prior's kernel, and one that lacks the dimension, is uniform.
void ParzenEstimator::fit_categorical(Column& column, std::size_t d, std::span<const double> observations,
                                      double prior_weight) {
  const std::size_t n = kernels_ - 1;
  const double choices = static_cast<double>(column.dimension.choices);
  column.codes.assign(stride_, nan);
  std::size_t present = 0;
  for (std::size_t k = 0; k < n; ++k) {
    column.codes[k] = observations[k * columns_.size() + d];
    present += std::isnan(column.codes[k]) ? 0 : 1;
  }
  const double share = prior_weight / static_cast<double>(present + 1);
  const double same = (1.0 + share) / (1.0 + choices * share);
  column.other = share / (1.0 + choices * share);
  column.penalty = column.other > 0.0 ? elementary::log(column.other / same) : -infinity;
  for (std::size_t k = 0; k < kernels_; ++k)
    column.factor[k] = std::isnan(column.codes[k]) ? 1.0 / choices : same;
}

void ParzenEstimator::fit_numeric(Column& column, std::size_t d, std::span<const double> observations) {
  const std::size_t n = kernels_ - 1;
  // Ties keep their order of observation, so that the bandwidths of equal values do not depend on the sort.
  order_.clear();
  for (std::size_t k = 0; k < n; ++k) {
    const double value = observations[k * columns_.size() + d];
    if (!std::isnan(value)) order_.emplace_back(column.position(value), static_cast<std::uint32_t>(k));
  }
  std::sort(order_.begin(), order_.end());
  const std::size_t present = order_.size();
  sorted_.resize(present);
  widths_.resize(present);
  for (std::size_t i = 0; i < present; ++i) sorted_[i] = order_[i].first;
  bandwidths(sorted_, widths_);

  const std::size_t most = column.discrete() ? loops::padded(present + 1) : stride_;
  column.mean.assign(most, 0.5);
  column.inverse.assign(most, 1.0);
  column.component.resize(kernels_);
  if (column.discrete()) {
    // Component 0 is the prior's.
    std::fill(column.component.begin(), column.component.end(), 0U);
    std::size_t last = 0;
    for (std::size_t i = 0; i < present; ++i) {
      const double inverse = 1.0 / widths_[i];
      if (last == 0 || sorted_[i] != column.mean[last] || inverse != column.inverse[last]) {
        ++last;
        column.mean[last] = sorted_[i];
        column.inverse[last] = inverse;
      }
      column.component[order_[i].second] = static_cast<std::uint32_t>(last);
    }
    column.components = last + 1;
  } else {
    std::iota(column.component.begin(), column.component.end(), 0U);
    for (std::size_t i = 0; i < present; ++i) {
      column.mean[order_[i].second] = sorted_[i];
      column.inverse[order_[i].second] = 1.0 / widths_[i];
    }
    column.components = kernels_;
  }

  column.lower_tail.resize(most);
  column.mass.resize(most);
  loops::unit_masses(column.lower_tail.data(), column.mass.data(), column.mean.data(), column.inverse.data(),
                     column.components);
  if (column.point()) return;
  for (std::size_t k = 0; k < kernels_; ++k) {
    const std::size_t c = column.component[k];
    column.factor[k] = (column.discrete() ? 1.0 : column.inverse[c]) / column.mass[c];
  }
}

void ParzenEstimator::log_pdf(std::span<const double> points, std::size_t count,
                              std::span<double> out) const {
  start_terms(points, count);
  for (std::size_t d = 0; d < columns_.size(); ++d) {
    if (columns_[d].categorical()) {
      add_categorical(d, points, count);
    } else if (columns_[d].discrete()) {
      add_discrete(d, points, count);
    } else if (!columns_[d].point()) {
      add_continuous(d, points, count);
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    const double* const point = points.data() + i * columns_.size();
    double constant = 0.0;
    bool inside = true;
    for (std::size_t d = 0; d < columns_.size(); ++d) {
      if (std::isnan(point[d])) continue;
      constant += columns_[d].log_unit;
      inside = inside && columns_[d].contains(point[d]);
    }
    out[i] = inside ? constant + loops::log_sum_exp(terms_.data() + i * stride_, kernels_) : -infinity;
  }
}

// Every point's terms begin as the log of weight times normalisers over the dimensions it has. Points that
// have the same ones share the work.
void ParzenEstimator::start_terms(std::span<const double> points, std::size_t count) const {
  const std::size_t width = columns_.size();
  terms_.resize(count * stride_);
  row_.resize(stride_);
  masses_.resize(stride_);
  for (std::size_t i = 0; i < count; ++i) {
    double* const terms = terms_.data() + i * stride_;
    const double* const point = points.data() + i * width;
    std::size_t earlier = 0;
    while (earlier < i) {
      const double* const other = points.data() + earlier * width;
      std::size_t d = 0;
      while (d < width && std::isnan(point[d]) == std::isnan(other[d])) ++d;
      if (d == width) break;
      ++earlier;
    }
    if (earlier < i) {
      std::copy_n(terms_.data() + earlier * stride_, kernels_, terms);
      continue;
    }
    std::copy(weights_.begin(), weights_.end(), row_.begin());
    std::fill_n(terms, kernels_, 0.0);
    std::size_t multiplied = 0;
    for (std::size_t d = 0; d < width; ++d) {
      if (std::isnan(point[d])) continue;
      loops::multiply(row_.data(), columns_[d].factor.data(), kernels_);
      if (++multiplied % product_length == 0) {
        loops::logarithms(masses_.data(), row_.data(), kernels_);
        loops::add(terms, masses_.data(), kernels_);
        std::fill(row_.begin(), row_.end(), 1.0);
      }
    }
    loops::logarithms(masses_.data(), row_.data(), kernels_);
    loops::add(terms, masses_.data(), kernels_);
    if (weights_.back() == 0.0) terms[kernels_ - 1] = -infinity;
  }
}

void ParzenEstimator::add_categorical(std::size_t d, std::span<const double> points,
                                      std::size_t count) const {
  const Column& column = columns_[d];
  for (std::size_t i = 0; i < count; ++i) {
    const double code = points[i * columns_.size() + d];
    if (std::isnan(code)) continue;
    loops::add_mismatch(terms_.data() + i * stride_, column.codes.data(), code, column.penalty, kernels_);
  }
}

void ParzenEstimator::add_continuous(std::size_t d, std::span<const double> points, std::size_t count) const {
  const Column& column = columns_[d];
  for (std::size_t i = 0; i < count; ++i) {
    const double value = points[i * columns_.size() + d];
    if (std::isnan(value)) continue;
    loops::add_normal(terms_.data() + i * stride_, column.mean.data(), column.inverse.data(),
                      column.position(value), kernels_);
  }
}

// Each distinct value is worked out once, for each distinct component.
void ParzenEstimator::add_discrete(std::size_t d, std::span<const double> points, std::size_t count) const {
  const Column& column = columns_[d];
  values_.clear();
  for (std::size_t i = 0; i < count; ++i) {
    const double value = points[i * columns_.size() + d];
    if (!std::isnan(value)) values_.emplace_back(value, static_cast<std::uint32_t>(i));
  }
  std::sort(values_.begin(), values_.end());
  double known = nan;
  for (const auto& [value, i] : values_) {
    if (value != known) {
      known = value;
      const double left = column.position(value - 0.5 * column.dimension.step);
      const double right = column.position(value + 0.5 * column.dimension.step);
      loops::log_masses(masses_.data(), column.mean.data(), column.inverse.data(), left, right,
                        right - left > 1e-3, column.components);
      for (std::size_t k = 0; k < kernels_; ++k) row_[k] = masses_[column.component[k]];
    }
    loops::add(terms_.data() + i * stride_, row_.data(), kernels_);
  }
}

std::size_t ParzenEstimator::sample_kernel(Rng& rng) const {
  const double u = rng.uniform() * cumulative_.back();
  const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), u);
  if (found != cumulative_.end()) return static_cast<std::size_t>(found - cumulative_.begin());
  return weights_.back() > 0.0 ? kernels_ - 1 : kernels_ - 2;  // rounding reached the sum itself
}

double ParzenEstimator::sample_dimension(std::size_t kernel, std::size_t d, Rng& rng) const {
  const Column& column = columns_[d];
  if (column.categorical()) {
    const double choices = static_cast<double>(column.dimension.choices);
    const double code = column.codes[kernel];
    const double u = rng.uniform();
    // The kernel is a uniform part, `other` for each choice, and the rest on the observed one.
    const double uniform_part = std::isnan(code) ? 1.0 : column.other * choices;
    if (u >= uniform_part) return code;
    return std::min(std::floor(u / uniform_part * choices), choices - 1.0);
  }
  const std::size_t c = column.component[kernel];
  const double mean = column.mean[c];
  const double inverse = column.inverse[c];
  const double z = truncated_normal_quantile(rng.uniform(), -mean * inverse, (1.0 - mean) * inverse,
                                             column.lower_tail[c], column.mass[c]);
  return column.raw(mean + z / inverse);
}

}  // namespace lehr
