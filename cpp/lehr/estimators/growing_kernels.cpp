// The kernels of a Parzen estimator that grows: bandwidths, normalisers, weights, and drawing from them.
#include <algorithm>
#include <cmath>
#include <limits>

#include "lehr/estimators/elementary.hpp"
#include "lehr/estimators/parzen.hpp"

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
    add_to_batch(batch_slot_.size() - 1, at, inverse);
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
    add_to_batch(batch_component_.size(), at, inverse);
    batch_component_.push_back(component);
  }
  if (column.index[slot] != component) {
    if (column.index[slot] != 0 && --column.uses[column.index[slot]] == 0) column.used_changed = true;
    if (++column.uses[component] == 1) column.used_changed = true;
    column.index[slot] = component;
  }
}

void ParzenEstimator::add_to_batch(std::size_t place, double mean, double inverse) {
  if (batch_mean_.size() <= place) {
    for (auto* const values : {&batch_mean_, &batch_inverse_, &batch_lower_, &batch_mass_})
      values->resize(whole_blocks(place + 1), 0.5);
  }
  batch_mean_[place] = mean;
  batch_inverse_[place] = inverse;
}

void ParzenEstimator::batch_masses(std::size_t count) {
  for (std::size_t i = count; i < whole_blocks(count); ++i) {
    batch_mean_[i] = 0.5;
    batch_inverse_[i] = 1.0;
  }
  loops_->unit_masses(batch_lower_.data(), batch_mass_.data(), batch_mean_.data(), batch_inverse_.data(),
                      whole_blocks(count));
}

void ParzenEstimator::flush_renewed(Column& column) {
  const std::size_t n = batch_slot_.size();
  if (n == 0) return;
  renewed_.insert(renewed_.end(), batch_slot_.begin(), batch_slot_.end());
  if (column.coded) {
    batch_masses(batch_component_.size());
    for (std::size_t i = 0; i < batch_component_.size(); ++i) {
      column.component_factor[batch_component_[i]] = 1.0 / batch_mass_[i];
      if (column.kept) keep_log_masses(column, batch_component_[i]);
    }
    batch_component_.clear();
    for (const std::uint32_t slot : batch_slot_)
      column.factor[slot] = column.component_factor[column.index[slot]];
    return;
  }
  batch_masses(n);
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
  for (const std::vector<std::uint8_t>& table : bytes_storage_) sum += held(table);
  return sum;
}

}  // namespace lehr
