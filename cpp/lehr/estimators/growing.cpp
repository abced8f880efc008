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
  cells_.clear();
  slot_key_.clear();
  counting_ = 0;
  last_counting_ = -1;
  merged_ = unmerged_ = false;
  mergeable_ = true;
  counted_ = 0;
  double keys = 1.0;
  for (const Column& column : columns_) {
    mergeable_ = mergeable_ && (column.categorical() || column.coded);
    keys *= static_cast<double>(column.categorical() ? column.given.choices + 1 : column.components);
  }
  mergeable_ = mergeable_ && keys < 0x1p63;
  changed_.reserve(64);
  outside_.reserve(64);
  batch_slot_.reserve(64);
  batch_component_.reserve(64);
  renewed_.reserve(256);
}

void ParzenEstimator::begin_column(Column& column, const Dimension& dimension) {
  column.prepare(dimension);
  for (auto* const values : {&column.factor, &column.slope, &column.offset, &column.where, &column.log_mass})
    values->clear();
  column.index.clear();
  column.code.clear();
  column.order.clear();
  column.touched.clear();
  column.touched.reserve(64);
  column.used.clear();
  column.used_changed = true;
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
  if (counts) {
    ++counted_;
    changed_.push_back(slot);
  }
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
  counted_ += counts ? 1 : std::size_t(-1);
  changed_.push_back(static_cast<std::uint32_t>(slot));
  settled_ = false;
}

void ParzenEstimator::settle() {
  if (settled_) return;
  settled_ = true;
  start_is_full_ = false;
  const bool was_merged = merged_;
  merged_ = mergeable_ && counted_ >= fewest_merged;
  unmerged_ = was_merged && !merged_;
  kernels_ = slots_ + 1;
  stride_ = whole_blocks(kernels_);
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
  if (merged_) {
    settle_cells(many || !was_merged);
  } else {
    settle_weights();
    settle_normalisers();
  }
  changed_.clear();
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
  if (column.coded && --column.uses[column.index[slot]] == 0) column.used_changed = true;
  if (column.discrete()) column.index[slot] = 0;
}

void ParzenEstimator::place_all(Column& column) {
  column.order.clear();
  column.present = 0;
  if (column.coded) std::fill(column.uses.begin(), column.uses.end(), 0U);
  column.used_changed = true;
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
  column.absent = 1.0 / (choices * same);
  column.other = share / (1.0 + choices * share);
  column.penalty = column.other > 0.0 ? elementary::log(column.other / same) : -infinite;
  column.log_unit = elementary::log(same);
  if (merged_) return;  // factors belong to cells
  const auto none = static_cast<std::uint32_t>(column.given.choices);
  std::size_t k = column.missing > 0 || unmerged_ ? 0 : slots_;
  for (; k < stride_; ++k) column.factor[k] = column.index[k] == none ? column.absent : 1.0;
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
  if (!column.used_changed && !keep_all) return;
  column.used_changed = false;
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

}  // namespace lehr
