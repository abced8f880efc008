// A Parzen estimator that grows with a history. Positions of each numeric dimension are kept in order, so
// that a new observation changes its own kernel and those of its two neighbours only.
//
// Everything here is a function of the rows and of which of them count: an update computes exactly what the
// same slot would get in a rebuild, so the order of updates leaves no trace.
#include <algorithm>
#include <cmath>
#include <limits>

#include "lehr/estimators/elementary.hpp"
#include "lehr/estimators/parzen.hpp"
#include "lehr/estimators/truncated_normal.hpp"

namespace lehr {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();
constexpr double missing_value = std::numeric_limits<double>::quiet_NaN();
constexpr double sqrt_half = 0.70710678118654752440;

// Up to so many values, components of a discrete dimension are known by number.
constexpr std::size_t most_coded = 4096;

// The bandwidth is at least this (bandwidths.hpp).
double smallest_width(std::size_t present) {
  return 1.0 / std::min(100.0, static_cast<double>(present) + 2.0);
}

template <class T>
std::size_t held(const std::vector<T>& values) {
  return values.capacity() * sizeof(T);
}

}  // namespace

void ParzenEstimator::begin(std::span<const Dimension> dimensions, double prior_weight) {
  check_prior(prior_weight);
  growing_ = true;
  settled_ = false;
  prior_weight_ = prior_weight;
  slots_ = 0;
  kernels_ = 1;
  stride_ = whole_blocks(1);
  counts_.clear();
  placed_.clear();
  changed_.clear();
  outside_.clear();
  renewed_.clear();
  normaliser_.clear();
  columns_.resize(dimensions.size());
  for (std::size_t d = 0; d < dimensions.size(); ++d) begin_column(columns_[d], dimensions[d]);
}

void ParzenEstimator::begin_column(Column& column, const Dimension& dimension) {
  column.prepare(dimension);
  for (auto* const values : {&column.factor, &column.slope, &column.offset, &column.where, &column.log_mass})
    values->clear();
  column.index.clear();
  column.code.clear();
  column.order.clear();
  column.touched.clear();
  column.used.clear();
  column.present = column.missing = 0;
  column.smallest = 0.0;
  column.coded = column.kept = false;
  if (column.categorical()) return;
  // Component 0 is the prior's.
  column.coded = column.discrete() && column.values <= most_coded;
  const std::size_t components = column.coded ? 3 * column.values + 1 : 1;
  column.mean.assign(whole_blocks(components), 0.5);
  column.inverse.assign(whole_blocks(components), 0.0);  // no component in use has this
  column.inverse[0] = 1.0;
  column.lower_tail.assign(block_length, 0.0);
  column.mass.assign(block_length, 1.0);
  loops_->unit_masses(column.lower_tail.data(), column.mass.data(), column.mean.data(), column.inverse.data(),
                      block_length);
  column.components = components;
  if (!column.coded) return;
  column.uses.assign(components, 0);
  column.component_factor.assign(components, 1.0);
  column.log_mass.resize(components * column.log_mass_row);
}

// Every kernel beyond the slots is the prior's; so are the entries of a slot that lacks the dimension.
void ParzenEstimator::grow_column(Column& column) {
  if (column.factor.size() >= stride_) return;
  if (column.categorical()) {
    column.index.resize(stride_, static_cast<std::uint32_t>(column.given.choices));
    column.factor.resize(stride_, 1.0);
    return;
  }
  column.index.resize(stride_, 0);
  column.factor.resize(stride_, column.single() ? 1.0 : 1.0 / column.mass[0]);
  if (!column.discrete()) {
    column.slope.resize(stride_, sqrt_half);
    column.offset.resize(stride_, 0.5 * sqrt_half);
  } else if (!column.coded) {
    column.mean.resize(stride_ + block_length, 0.5);
    column.inverse.resize(stride_ + block_length, 1.0);
  }
}

void ParzenEstimator::append(std::span<const double> row, bool counts) {
  const auto slot = static_cast<std::uint32_t>(slots_++);
  kernels_ = slots_ + 1;
  stride_ = whole_blocks(kernels_);
  counts_.push_back(counts ? 1 : 0);
  placed_.push_back(0);
  outside_.push_back(slot);
  if (counts) changed_.push_back(slot);
  for (std::size_t d = 0; d < columns_.size(); ++d) {
    Column& column = columns_[d];
    double value = row[d];
    std::uint32_t code = 0;
    if (column.categorical() && !(value >= 0.0 && value < static_cast<double>(column.given.choices)))
      value = missing_value;
    if (std::isnan(value)) {
      ++column.missing;
    } else if (column.categorical()) {
      // the code itself
    } else if (column.coded) {
      // Rounding in the given value must not make two values of one.
      const double place = std::clamp(std::round((value - column.given.low) / column.given.step), 0.0,
                                      static_cast<double>(column.values - 1));
      value = std::clamp(column.position(column.given.low + place * column.given.step), 0.0, 1.0);
      code = static_cast<std::uint32_t>(place);
    } else {
      value = std::clamp(column.position(value), 0.0, 1.0);
    }
    column.where.push_back(value);
    if (column.coded) column.code.push_back(code);
    grow_column(column);
  }
  settled_ = false;
}

void ParzenEstimator::set_counts(std::size_t slot, bool counts) {
  if (this->counts(slot) == counts) return;
  counts_[slot] = counts ? 1 : 0;
  changed_.push_back(static_cast<std::uint32_t>(slot));
  settled_ = false;
}

void ParzenEstimator::settle() {
  if (settled_) return;
  settled_ = true;
  start_is_full_ = false;
  cumulative_.clear();
  renewed_.clear();
  std::sort(changed_.begin(), changed_.end());
  changed_.erase(std::unique(changed_.begin(), changed_.end()), changed_.end());
  std::erase_if(changed_, [&](std::uint32_t slot) { return counts_[slot] == placed_[slot]; });
  // Moving many one by one would cost more than a sort.
  const bool many = changed_.size() > 32 && changed_.size() > slots_ / 64;
  for (Column& column : columns_) {
    grow_column(column);
    if (many) {
      place_all(column);
    } else {
      for (const std::uint32_t slot : changed_) place(column, slot, counts_[slot] != 0);
    }
    if (column.categorical()) {
      settle_categorical(column);
    } else if (!column.single()) {
      settle_numeric(column);
    }
  }
  for (const std::uint32_t slot : changed_) {
    placed_[slot] = counts_[slot];
    if (many) continue;
    const auto place = std::lower_bound(outside_.begin(), outside_.end(), slot);
    if (counts_[slot] != 0) {
      outside_.erase(place);
    } else {
      outside_.insert(place, slot);
    }
    renewed_.push_back(slot);
  }
  if (many) {
    outside_.clear();
    for (std::uint32_t slot = 0; slot < slots_; ++slot) {
      if (counts_[slot] == 0) outside_.push_back(slot);
    }
  }
  changed_.clear();
  settle_weights();
  settle_normalisers();
}

void ParzenEstimator::place(Column& column, std::uint32_t slot, bool counts) {
  const double at = column.where[slot];
  if (std::isnan(at)) return;
  column.present += counts ? 1 : std::size_t(-1);
  if (column.categorical()) {
    column.index[slot] = static_cast<std::uint32_t>(at);
    return;
  }
  if (column.single()) return;
  const auto before = [&](std::uint32_t a, std::uint32_t b) {
    return column.where[a] != column.where[b] ? column.where[a] < column.where[b] : a < b;
  };
  const auto found = std::lower_bound(column.order.begin(), column.order.end(), slot, before);
  const auto p = static_cast<std::size_t>(found - column.order.begin());
  if (p > 0) column.touched.push_back(column.order[p - 1]);
  if (counts) {
    if (found != column.order.end()) column.touched.push_back(*found);
    column.order.insert(found, slot);
    column.touched.push_back(slot);
    return;
  }
  if (p + 1 < column.order.size()) column.touched.push_back(column.order[p + 1]);
  column.order.erase(found);
  if (column.coded) --column.uses[column.index[slot]];
  if (column.discrete()) column.index[slot] = 0;
}

void ParzenEstimator::place_all(Column& column) {
  column.order.clear();
  column.present = 0;
  if (column.coded) std::fill(column.uses.begin(), column.uses.end(), 0U);
  if (!column.categorical()) std::fill(column.index.begin(), column.index.end(), 0U);
  order_.clear();
  for (std::uint32_t slot = 0; slot < slots_; ++slot) {
    if (counts_[slot] == 0 || std::isnan(column.where[slot])) continue;
    ++column.present;
    if (column.categorical()) {
      column.index[slot] = static_cast<std::uint32_t>(column.where[slot]);
    } else if (!column.single()) {
      order_.push_back({column.where[slot], slot});
    }
  }
  sort_placed(order_, order_scratch_);  // stable: equal positions stay in the order of slots
  column.order.reserve(order_.size());
  for (const Placed& placed : order_) column.order.push_back(placed.index);
  column.touched.clear();
  column.smallest = 0.0;  // renews all
}

// As fit_categorical, but the factor that all kernels share is taken out, so that old kernels keep theirs.
void ParzenEstimator::settle_categorical(Column& column) {
  const double choices = static_cast<double>(column.given.choices);
  const double share = prior_weight_ / static_cast<double>(column.present + 1);
  const double same = (1.0 + share) / (1.0 + choices * share);
  const double absent = 1.0 / (choices * same);
  column.other = share / (1.0 + choices * share);
  column.penalty = column.other > 0.0 ? elementary::log(column.other / same) : -infinite;
  column.log_unit = elementary::log(same);
  const auto none = static_cast<std::uint32_t>(column.given.choices);
  std::size_t k = column.missing > 0 ? 0 : slots_;
  for (; k < stride_; ++k) column.factor[k] = column.index[k] == none ? absent : 1.0;
  if (column.missing == 0) {
    for (const std::uint32_t slot : changed_) column.factor[slot] = 1.0;
  }
}

void ParzenEstimator::settle_numeric(Column& column) {
  const double smallest = smallest_width(column.present);
  batch_slot_.clear();
  if (smallest != column.smallest) {
    column.smallest = smallest;
    for (std::size_t p = 0; p < column.order.size(); ++p) renew(column, p);
  } else {
    const auto before = [&](std::uint32_t a, std::uint32_t b) {
      return column.where[a] != column.where[b] ? column.where[a] < column.where[b] : a < b;
    };
    for (const std::uint32_t slot : column.touched) {
      const auto found = std::lower_bound(column.order.begin(), column.order.end(), slot, before);
      if (found != column.order.end() && *found == slot)
        renew(column, static_cast<std::size_t>(found - column.order.begin()));
    }
  }
  column.touched.clear();
  flush_renewed(column);
  if (!column.coded) {
    if (column.discrete()) column.components = slots_ + 1;
    return;
  }
  // While the smallest bandwidth still moves, so do most components: nothing is worth keeping.
  const bool keep = column.log_mass_row > 0 && column.smallest == smallest_width(100);
  const bool keep_all = keep && !column.kept;
  column.kept = keep;
  column.used.clear();
  for (std::uint32_t c = 0; c < column.components; ++c) {
    if (c > 0 && column.uses[c] == 0) {
      if (keep_all) column.inverse[c] = 0.0;  // its row is not filled in: forget it
      continue;
    }
    column.used.push_back(c);
    if (keep_all) keep_log_masses(column, c);
  }
}

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
  bool all = renewed_.size() > slots_ / 8;
  for (const Column& column : columns_) all = all || (column.categorical() && column.missing > 0);
  if (all) {
    product_.assign(stride_, 1.0);
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
      const bool out = next < outside_.size() && outside_[next] == k;
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

double ParzenEstimator::sample_growing_position(const Column& column, std::size_t kernel, double u) {
  double mean = 0.5, inverse = 1.0;
  if (column.single()) return mean;
  if (column.discrete()) {
    mean = column.mean[column.index[kernel]];
    inverse = column.inverse[column.index[kernel]];
  } else if (kernel < column.where.size() && !std::isnan(column.where[kernel])) {
    mean = column.where[kernel];
    inverse = column.slope[kernel] / sqrt_half;
  }
  const double z = truncated_normal_quantile(u, -mean * inverse, (1.0 - mean) * inverse);
  return mean + z / inverse;
}

std::size_t ParzenEstimator::bytes() const noexcept {
  std::size_t sum = held(counts_) + held(placed_) + held(changed_) + held(outside_) + held(renewed_) +
                    held(normaliser_) + held(weights_) + held(cumulative_) + held(start_) + held(product_) +
                    held(order_) + held(order_scratch_) + held(sorted_) + held(widths_) +
                    held(component_factor_) + held(batch_slot_) + held(batch_mean_) + held(batch_inverse_) +
                    held(batch_lower_) + held(batch_mass_) + held(values_) + held(values_scratch_);
  for (const Column& column : columns_) {
    sum += sizeof(Column) + held(column.edges) + held(column.factor) + held(column.slope) +
           held(column.offset) + held(column.index) + held(column.mean) + held(column.inverse) +
           held(column.lower_tail) + held(column.mass) + held(column.where) + held(column.order) +
           held(column.touched) + held(column.code) + held(column.uses) + held(column.used) +
           held(column.log_mass) + held(column.edge_at) + held(column.component_factor);
  }
  for (const std::vector<double>& table : tables_storage_) sum += held(table);
  return sum;
}

}  // namespace lehr
