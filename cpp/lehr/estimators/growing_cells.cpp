// Identical kernels of a growing Parzen estimator, merged where every dimension is discrete.
//
// Weights by recency are linear in the rank but for the last few, so that a cell needs the number of its
// slots and the sum of their ranks: integers, the same whatever order they were added up in.
#include <algorithm>
#include <cmath>

#include "lehr/estimators/elementary.hpp"
#include "lehr/estimators/parzen.hpp"

namespace lehr {

std::uint64_t ParzenEstimator::key_of(std::size_t slot) const {
  std::uint64_t key = 0;
  for (const Column& column : columns_) {
    const std::size_t range = column.categorical() ? column.given.choices + 1 : column.components;
    key = key * range + column.index[slot];
  }
  return key;
}

std::int64_t ParzenEstimator::rank_of(std::size_t slot) const {
  const auto before = std::lower_bound(outside_.begin(), outside_.end(), slot) - outside_.begin();
  return static_cast<std::int64_t>(slot) - before;
}

void ParzenEstimator::settle_cells(bool anew) {
  slot_key_.resize(slots_, 0);
  if (anew || !cells_follow()) count_cells();
  fill_cells();
}

// Moves the few slots that changed, unless one in the midst came or went: that shifts the ranks of all later
// ones.
bool ParzenEstimator::cells_follow() {
  for (const std::uint32_t slot : changed_) {
    if (counts_[slot] == 0 || static_cast<std::int64_t>(slot) <= last_counting_) return false;
  }
  if (renewed_.size() > slots_ / 4) return false;
  const auto cell = [this](std::uint64_t key) {
    const auto found = std::lower_bound(cells_.begin(), cells_.end(), key,
                                        [](const Cell& c, std::uint64_t k) { return c.key < k; });
    if (found != cells_.end() && found->key == key) return found;
    return cells_.insert(found, Cell{key, 0, 0});
  };
  std::sort(renewed_.begin(), renewed_.end());
  renewed_.erase(std::unique(renewed_.begin(), renewed_.end()), renewed_.end());
  for (const std::uint32_t slot : renewed_) {
    const std::int64_t rank = rank_of(slot);
    if (static_cast<std::int64_t>(slot) <= last_counting_) {
      const auto old = cell(slot_key_[slot]);
      --old->count;
      old->rank_sum -= rank;
    } else {
      ++counting_;
    }
    slot_key_[slot] = key_of(slot);
    const auto now = cell(slot_key_[slot]);
    ++now->count;
    now->rank_sum += rank;
  }
  if (!changed_.empty()) last_counting_ = changed_.back();
  std::erase_if(cells_, [](const Cell& c) { return c.count == 0; });
  return true;
}

void ParzenEstimator::count_cells() {
  counting_ = 0;
  last_counting_ = -1;
  for (std::size_t slot = 0; slot < slots_; ++slot) slot_key_[slot] = key_of(slot);
  keys_.clear();
  for (std::size_t slot = 0; slot < slots_; ++slot) {
    if (counts_[slot] != 0) keys_.push_back(slot_key_[slot]);
  }
  std::sort(keys_.begin(), keys_.end());
  keys_.erase(std::unique(keys_.begin(), keys_.end()), keys_.end());
  cells_.clear();
  for (const std::uint64_t key : keys_) cells_.push_back({key, 0, 0});
  for (std::size_t slot = 0; slot < slots_; ++slot) {
    if (counts_[slot] == 0) continue;
    const auto at = std::lower_bound(keys_.begin(), keys_.end(), slot_key_[slot]) - keys_.begin();
    Cell& cell = cells_[static_cast<std::size_t>(at)];
    ++cell.count;
    cell.rank_sum += counting_++;
    last_counting_ = static_cast<std::int64_t>(slot);
  }
}

// What scoring and drawing read, the prior's kernel last.
void ParzenEstimator::fill_cells() {
  constexpr std::int64_t flat = 25;
  kernels_ = cells_.size() + 1;
  stride_ = whole_blocks(kernels_);
  std::uint64_t divisor = 1;
  for (std::size_t d = columns_.size(); d-- > 0;) {
    Column& column = columns_[d];
    const std::uint64_t range = column.categorical() ? column.given.choices + 1 : column.components;
    const auto lacking = static_cast<std::uint32_t>(column.categorical() ? column.given.choices : 0);
    refill(column.cell_index, stride_, lacking);
    column.cell_factor.resize(stride_);
    for (std::size_t c = 0; c < stride_; ++c) {
      if (c < cells_.size())
        column.cell_index[c] = static_cast<std::uint32_t>(cells_[c].key / divisor % range);
      const std::uint32_t index = column.cell_index[c];
      column.cell_factor[c] = index == lacking ? (column.categorical() ? column.absent : 1.0 / column.mass[0])
                              : column.categorical() ? 1.0
                                                     : column.component_factor[index];
    }
    divisor *= range;
  }
  const std::int64_t ramp = std::max<std::int64_t>(counting_ - flat, 0);
  const double first = counting_ > 0 ? 1.0 / static_cast<double>(counting_) : 1.0;
  const double rise = ramp > 1 ? (1.0 - first) / static_cast<double>(ramp - 1) : 0.0;
  // The last few weigh 1: take them off the cells for a moment.
  refill(flat_, cells_.size(), std::int64_t{0});
  std::int64_t rank = counting_;
  for (std::size_t slot = slots_; slot-- > 0 && rank > ramp;) {
    if (counts_[slot] == 0) continue;
    --rank;
    const auto at = std::lower_bound(cells_.begin(), cells_.end(), slot_key_[slot],
                                     [](const Cell& c, std::uint64_t k) { return c.key < k; });
    --at->count;
    at->rank_sum -= rank;
    ++flat_[static_cast<std::size_t>(at - cells_.begin())];
  }
  refill(weights_, stride_, 1.0);
  for (std::size_t c = 0; c < cells_.size(); ++c) {
    weights_[c] = static_cast<double>(cells_[c].count) * first +
                  rise * static_cast<double>(cells_[c].rank_sum) + static_cast<double>(flat_[c]);
  }
  rank = counting_;
  for (std::size_t slot = slots_; slot-- > 0 && rank > ramp;) {
    if (counts_[slot] == 0) continue;
    --rank;
    const auto at = std::lower_bound(cells_.begin(), cells_.end(), slot_key_[slot],
                                     [](const Cell& c, std::uint64_t k) { return c.key < k; });
    ++at->count;
    at->rank_sum += rank;
  }
  const double prior = counting_ == 0 ? 1.0 : prior_weight_;
  weights_[cells_.size()] = prior;
  const double count = static_cast<double>(ramp);
  log_total_ = elementary::log(count * first + 0.5 * rise * count * (count - 1.0) +
                               static_cast<double>(counting_ - ramp) + prior);
}

}  // namespace lehr
