// The kernels of a Parzen estimator that grows: bandwidths, normalisers, weights, and drawing from them.
#include <algorithm>
#include <cmath>
#include <limits>

#include "lehr/estimators/elementary.hpp"
#include "lehr/estimators/parzen.hpp"
#include "lehr/estimators/truncated_normal.hpp"

namespace lehr {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();
constexpr double sqrt_half = 0.70710678118654752440;

template <class T>
std::size_t held(const std::vector<T>& values) {
  return values.capacity() * sizeof(T);
}

}  // namespace

void ParzenEstimator::renew(Column& column, std::size_t p) {
  const std::uint32_t slot = column.order[p];
  const double at = column.where[slot];
  const std::size_t n = column.order.size();
  const double left = p > 0 ? at - column.where[column.order[p - 1]] : -infinite;
  const double right = p + 1 < n ? column.where[column.order[p + 1]] - at : -infinite;
  double width = std::max(left, right);
  if (n == 1) width = std::max(at, 1.0 - at);
  const double inverse = 1.0 / std::clamp(width, column.smallest, 1.0);
  batch_slot_.push_back(slot);
  if (!column.coded) {
    const std::size_t i = batch_slot_.size() - 1;
    if (batch_mean_.size() < whole_blocks(i + 1)) {
      for (auto* const values : {&batch_mean_, &batch_inverse_, &batch_lower_, &batch_mass_})
        values->resize(whole_blocks(i + 1));
    }
    batch_mean_[i] = at;
    batch_inverse_[i] = inverse;
    return;
  }
  // Of equal values all but the first and the last have no distance to a neighbour: one component for those
  // at the smallest bandwidth, one for the first, one for the last.
  const std::size_t value = column.code[slot];
  const std::size_t kind = width <= column.smallest ? 0 : left > 0.0 || p == 0 ? 1 : 2;
  const auto component = static_cast<std::uint32_t>(1 + 3 * value + kind);
  if (column.inverse[component] != inverse || column.mean[component] != at) {
    column.mean[component] = at;
    column.inverse[component] = inverse;
    double means[block_length], inverses[block_length], lower[block_length], mass[block_length];
    std::fill_n(means, block_length, at);
    std::fill_n(inverses, block_length, inverse);
    loops_->unit_masses(lower, mass, means, inverses, block_length);
    column.component_factor[component] = 1.0 / mass[0];
    if (column.kept) keep_log_masses(column, component);
  }
  if (column.index[slot] != component) {
    if (column.index[slot] != 0) --column.uses[column.index[slot]];
    ++column.uses[component];
    column.index[slot] = component;
  }
}

void ParzenEstimator::flush_renewed(Column& column) {
  const std::size_t n = batch_slot_.size();
  if (n == 0) return;
  renewed_.insert(renewed_.end(), batch_slot_.begin(), batch_slot_.end());
  if (column.coded) {
    for (const std::uint32_t slot : batch_slot_)
      column.factor[slot] = column.component_factor[column.index[slot]];
    return;
  }
  std::fill(batch_mean_.begin() + static_cast<std::ptrdiff_t>(n),
            batch_mean_.begin() + static_cast<std::ptrdiff_t>(whole_blocks(n)), 0.5);
  std::fill(batch_inverse_.begin() + static_cast<std::ptrdiff_t>(n),
            batch_inverse_.begin() + static_cast<std::ptrdiff_t>(whole_blocks(n)), 1.0);
  loops_->unit_masses(batch_lower_.data(), batch_mass_.data(), batch_mean_.data(), batch_inverse_.data(),
                      whole_blocks(n));
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t slot = batch_slot_[i];
    if (column.discrete()) {
      column.index[slot] = slot + 1;
      column.mean[slot + 1] = batch_mean_[i];
      column.inverse[slot + 1] = batch_inverse_[i];
      column.factor[slot] = 1.0 / batch_mass_[i];
    } else {
      column.factor[slot] = batch_inverse_[i] / batch_mass_[i];
      column.slope[slot] = batch_inverse_[i] * sqrt_half;
      column.offset[slot] = batch_mean_[i] * column.slope[slot];
    }
  }
}

void ParzenEstimator::keep_log_masses(Column& column, std::size_t component) {
  double* const row = column.log_mass.data() + component * column.log_mass_row;
  for (std::size_t from = 0; from < column.log_mass_row; from += most_lanes) {
    const std::size_t n = std::min(most_lanes, column.values - from);
    double edge[2 * most_lanes];
    std::uint32_t lower[most_lanes], upper[most_lanes], value_of[most_lanes];
    std::fill_n(edge, 2 * most_lanes, 0.5);
    for (std::size_t i = 0; i <= n; ++i) edge[i] = column.edge_at[from + i];
    for (std::uint32_t i = 0; i < most_lanes; ++i) {
      const auto v = std::min(i, static_cast<std::uint32_t>(n - 1));
      lower[i] = v;
      upper[i] = v + 1;
      value_of[i] = v;
    }
    loops_->log_masses(
        row + from,
        {1, nullptr, column.mean.data() + component, column.inverse.data() + component, most_lanes,
         most_lanes, whole_blocks(most_lanes + 1), edge, lower, upper, value_of, column.narrow_bins});
  }
}

// Weights of default_weights (weights.hpp) by rank among the slots that count; not normalised.
void ParzenEstimator::settle_weights() {
  constexpr std::size_t flat = 25;
  const std::size_t n = slots_ - outside_.size();
  const std::size_t ramp = n > flat ? n - flat : 0;
  const double first = n > 0 ? 1.0 / static_cast<double>(n) : 1.0;
  const double rise = ramp > 1 ? (1.0 - first) / static_cast<double>(ramp - 1) : 0.0;
  weights_.resize(stride_);
  std::size_t slot = 0;
  for (std::size_t skipped = 0; skipped <= outside_.size(); ++skipped) {
    const std::size_t end = skipped < outside_.size() ? outside_[skipped] : slots_;
    const std::size_t ramp_end = std::clamp(ramp + skipped, slot, end);
    for (; slot < ramp_end; ++slot)
      weights_[slot] = first + rise * static_cast<double>(static_cast<std::int64_t>(slot - skipped));
    for (; slot < end; ++slot) weights_[slot] = 1.0;
    if (end < slots_) weights_[end] = 1.0;  // of no account: its start is set to -inf
    slot = end + 1;
  }
  const double prior = n == 0 ? 1.0 : prior_weight_;
  std::fill(weights_.begin() + static_cast<std::ptrdiff_t>(slots_), weights_.end(), 1.0);
  weights_[slots_] = prior;
  const double count = static_cast<double>(ramp);
  const double total =
      count * first + 0.5 * rise * count * (count - 1.0) + static_cast<double>(n - ramp) + prior;
  log_total_ = elementary::log(total);
}

// Products are taken as start() takes them, so that a slot gets the same digits alone and among all.
void ParzenEstimator::settle_normalisers() {
  normaliser_.resize(stride_);
  bool all = unmerged_ || renewed_.size() > slots_ / 8;
  for (const Column& column : columns_) all = all || (column.categorical() && column.missing > 0);
  if (all) {
    refill(product_, stride_, 1.0);
    std::fill(normaliser_.begin(), normaliser_.end(), 0.0);
    multiply_factors(normaliser_.data(), nullptr);
    return;
  }
  const auto renew_one = [&](std::size_t k) {
    double sum = 0.0, product = 1.0;
    std::size_t multiplied = 0;
    for (const Column& column : columns_) {
      product *= column.factor[k];
      if (++multiplied % product_length == 0) {
        sum += elementary::log(product);
        product = 1.0;
      }
    }
    normaliser_[k] = sum + elementary::log(product);
  };
  for (const std::uint32_t slot : renewed_) renew_one(slot);
  for (std::size_t k = slots_; k < stride_; ++k) renew_one(k);
}

std::size_t ParzenEstimator::sample_growing_kernel(Rng& rng) const {
  if (cumulative_.empty()) {
    double sum = 0.0;
    std::size_t next = 0;
    for (std::size_t k = 0; k < kernels_; ++k) {
      const bool out = !merged_ && next < outside_.size() && outside_[next] == k;
      next += out ? 1 : 0;
      cumulative_.push_back(sum += out ? 0.0 : weights_[k]);
    }
  }
  const double u = rng.uniform() * cumulative_.back();
  const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), u);
  if (found != cumulative_.end()) return static_cast<std::size_t>(found - cumulative_.begin());
  // Rounding reached the sum itself: the last kernel with a weight.
  return static_cast<std::size_t>(
      std::lower_bound(cumulative_.begin(), cumulative_.end(), cumulative_.back()) - cumulative_.begin());
}

double ParzenEstimator::sample_growing_position(const Column& column, std::size_t kernel, double u) const {
  double mean = 0.5, inverse = 1.0;
  if (column.single()) return mean;
  if (column.discrete()) {
    mean = column.mean[index_of(column)[kernel]];
    inverse = column.inverse[index_of(column)[kernel]];
  } else if (kernel < column.where.size() && !std::isnan(column.where[kernel])) {
    mean = column.where[kernel];
    inverse = column.slope[kernel] / sqrt_half;
  }
  const double z = truncated_normal_quantile(u, -mean * inverse, (1.0 - mean) * inverse);
  return mean + z / inverse;
}

std::size_t ParzenEstimator::bytes() const noexcept {
  std::size_t sum = held(cells_) + held(slot_key_) + held(counts_) + held(placed_) + held(changed_) +
                    held(outside_) + held(renewed_) + held(normaliser_) + held(weights_) + held(cumulative_) +
                    held(start_) + held(product_) + held(order_) + held(order_scratch_) + held(sorted_) +
                    held(widths_) + held(component_factor_) + held(batch_slot_) + held(batch_mean_) +
                    held(batch_inverse_) + held(batch_lower_) + held(batch_mass_) + held(values_) +
                    held(values_scratch_);
  for (const Column& column : columns_) {
    sum += sizeof(Column) + held(column.edges) + held(column.factor) + held(column.slope) +
           held(column.offset) + held(column.index) + held(column.mean) + held(column.inverse) +
           held(column.lower_tail) + held(column.mass) + held(column.where) + held(column.order) +
           held(column.touched) + held(column.code) + held(column.cell_index) + held(column.cell_factor) +
           held(column.uses) + held(column.used) + held(column.log_mass) + held(column.edge_at) +
           held(column.component_factor);
  }
  for (const std::vector<double>& table : tables_storage_) sum += held(table);
  return sum;
}

}  // namespace lehr
