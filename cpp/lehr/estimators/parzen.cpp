#include "lehr/estimators/parzen.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "lehr/base/error.hpp"
#include "lehr/estimators/bandwidths.hpp"
#include "lehr/estimators/elementary.hpp"

namespace lehr {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace

void ParzenEstimator::Column::prepare(const Dimension& dimension) {
  given = dimension;
  high = given.high;
  if (categorical()) {
    given.low = 0.0;
    high = static_cast<double>(given.choices - 1);
    return;
  }
  double lower = given.low, upper = given.high;
  if (discrete()) {
    // The last value may fall short of `high`; bounds and step are rounded decimals, so 0.3 / 0.1 must count
    // as 3.
    upper = lower + std::floor((upper - lower) / given.step + 1e-9) * given.step;
    high = upper;
    lower -= 0.5 * given.step;
    upper += 0.5 * given.step;
  }
  half_origin = 0.5 * transformed(lower);
  half_extent = 0.5 * transformed(upper) - half_origin;
  inverse_half_extent = 1.0 / half_extent;
  log_unit = discrete() || single()
                 ? 0.0
                 : -elementary::log_sqrt_two_pi - elementary::log(half_extent) - std::log(2.0);
  edges.clear();
  edge_at.clear();
  log_mass_row = 0;
  if (!discrete()) return;
  values = static_cast<std::size_t>(std::round((high - given.low) / given.step)) + 1;
  if (values <= most_kept) {
    narrow_bins = false;
    for (std::size_t v = 0; v <= values; ++v) {
      edge_at.push_back(position(given.low + (static_cast<double>(v) - 0.5) * given.step));
      if (v > 0) narrow_bins = narrow_bins || edge_at[v] - edge_at[v - 1] < narrow_bin;
    }
    log_mass_row = (values + most_lanes - 1) / most_lanes * most_lanes;
  }
  const double last = std::round((high - given.low) / given.step);
  if (last >= static_cast<double>(few_values)) return;
  for (double k = 0.0; k <= last + 1.0; k += 1.0)
    edges.push_back(position(given.low + (k - 0.5) * given.step));
}

// The lowest bin of a logarithmic dimension starts above 0 however wide the step.
double ParzenEstimator::Column::transformed(double value) const {
  return given.log ? elementary::log(std::max(value, 0.5 * given.low)) : value;
}

double ParzenEstimator::Column::position(double value) const {
  return single() ? 0.5 : (0.5 * transformed(value) - half_origin) * inverse_half_extent;
}

double ParzenEstimator::Column::raw(double at) const {
  const double on_scale = 2.0 * (half_origin + at * half_extent);
  double value = given.log ? elementary::exp(on_scale) : on_scale;
  if (discrete()) value = given.low + std::nearbyint((value - given.low) / given.step) * given.step;
  return std::clamp(value, given.low, high);
}

// A stepped value may differ from its grid point by rounding.
bool ParzenEstimator::Column::contains(double value) const {
  const double margin = categorical() ? 0.0 : 0.25 * given.step;
  return value >= given.low - margin && value <= high + margin;
}

void ParzenEstimator::check_prior(double prior_weight) {
  if (!(prior_weight >= 0.0) || prior_weight == infinity) {
    throw OptionError("The prior weight must be a finite number >= 0, but " + std::to_string(prior_weight) +
                      " was given.");
  }
}

void ParzenEstimator::fit(std::span<const Dimension> dimensions, std::span<const double> observations,
                          std::size_t n, double prior_weight) {
  check_prior(prior_weight);
  growing_ = merged_ = false;
  log_total_ = 0.0;
  start_is_full_ = false;
  kernels_ = n + 1;
  stride_ = whole_blocks(kernels_);
  fit_weights(n, prior_weight);
  columns_.resize(dimensions.size());
  for (std::size_t d = 0; d < dimensions.size(); ++d) {
    Column& column = columns_[d];
    if (!(column.given == dimensions[d]) || column.factor.empty()) column.prepare(dimensions[d]);
    column.factor.resize(stride_);
    if (column.categorical()) {
      fit_categorical(column, observations.data() + d, prior_weight);
    } else {
      fit_numeric(column, observations.data() + d);
    }
  }
}

void ParzenEstimator::fit_weights(std::size_t n, double prior_weight) {
  weights_.resize(kernels_);
  recency_weights(std::span<double>(weights_).first(n));
  weights_[n] = n == 0 ? 1.0 : prior_weight;
  const double scale = 1.0 / std::accumulate(weights_.begin(), weights_.end(), 0.0);
  for (double& weight : weights_) weight *= scale;
  cumulative_.clear();
}

// Kernel of an observed choice: 1 + w for it, w for the others, normalised, where w is the prior's weight
// over the number of kernels. The prior's kernel, and one that lacks the dimension, is uniform.
void ParzenEstimator::fit_categorical(Column& column, const double* first, double prior_weight) {
  const std::size_t n = kernels_ - 1;
  const double choices = static_cast<double>(column.given.choices);
  const auto none = static_cast<std::uint32_t>(column.given.choices);
  column.index.assign(stride_, none);
  std::size_t present = 0;
  for (std::size_t k = 0; k < n; ++k) {
    const double code = first[k * columns_.size()];
    if (!(code >= 0.0 && code < choices)) continue;  // NaN: not active
    column.index[k] = static_cast<std::uint32_t>(code);
    ++present;
  }
  const double share = prior_weight / static_cast<double>(present + 1);
  const double same = (1.0 + share) / (1.0 + choices * share);
  column.other = share / (1.0 + choices * share);
  column.log_unit = 0.0;
  column.penalty = column.other > 0.0 ? elementary::log(column.other / same) : -infinity;
  for (std::size_t k = 0; k < stride_; ++k) column.factor[k] = column.index[k] == none ? 1.0 / choices : same;
}

void ParzenEstimator::fit_numeric(Column& column, const double* first) {
  const std::size_t n = kernels_ - 1;
  const std::size_t width = columns_.size();
  order_.clear();
  for (std::size_t k = 0; k < n && !column.single(); ++k) {
    const double value = first[k * width];
    if (!std::isnan(value))
      order_.push_back({std::clamp(column.position(value), 0.0, 1.0), static_cast<std::uint32_t>(k)});
  }
  // Equal positions keep the order of observation, so that their bandwidths do not depend on the sort.
  sort_placed(order_, order_scratch_);
  const std::size_t present = order_.size();
  sorted_.resize(present);
  widths_.resize(present);
  for (std::size_t i = 0; i < present; ++i) sorted_[i] = order_[i].at;
  bandwidths(sorted_, widths_);

  // Component 0 is the prior's; kernels that lack the dimension share it.
  const std::size_t most = whole_blocks(present + 1);
  column.mean.resize(most);
  column.inverse.resize(most);
  column.index.resize(stride_);
  std::fill(column.index.begin(), column.index.end(), 0U);
  column.mean[0] = 0.5;
  column.inverse[0] = 1.0;
  std::size_t last = 0;
  for (std::size_t i = 0; i < present; ++i) {
    const double inverse = 1.0 / widths_[i];
    if (last == 0 || sorted_[i] != column.mean[last] || inverse != column.inverse[last]) {
      ++last;
      column.mean[last] = sorted_[i];
      column.inverse[last] = inverse;
    }
    column.index[order_[i].index] = static_cast<std::uint32_t>(last);
  }
  column.components = last + 1;
  column.known.assign(column.log_mass_row, 0);
  const std::size_t padded = whole_blocks(column.components);
  std::fill(column.mean.begin() + static_cast<std::ptrdiff_t>(column.components), column.mean.end(), 0.5);
  std::fill(column.inverse.begin() + static_cast<std::ptrdiff_t>(column.components), column.inverse.end(),
            1.0);

  column.lower_tail.resize(padded);
  column.mass.resize(padded);
  loops_->unit_masses(column.lower_tail.data(), column.mass.data(), column.mean.data(), column.inverse.data(),
                      padded);
  component_factor_.resize(padded);
  for (std::size_t c = 0; c < padded; ++c) {
    component_factor_[c] = (column.discrete() || column.single() ? 1.0 : column.inverse[c]) / column.mass[c];
  }
  if (column.single()) component_factor_[0] = 1.0;
  loops_->gather(column.factor.data(), component_factor_.data(), column.index.data(), stride_);

  if (column.discrete()) return;
  constexpr double sqrt_half = 0.70710678118654752440;
  column.slope.resize(stride_);
  column.offset.resize(stride_);
  for (std::size_t k = 0; k < stride_; ++k) {
    const std::size_t c = column.index[k];
    column.slope[k] = column.inverse[c] * sqrt_half;
    column.offset[k] = column.mean[c] * column.slope[k];
  }
}

}  // namespace lehr
