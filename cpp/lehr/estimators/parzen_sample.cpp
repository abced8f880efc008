// Drawing from a Parzen estimator, many points at a time: the loops turn uniform numbers into values of a
// dimension for all of them at once.
#include <algorithm>
#include <array>
#include <cmath>

#include "lehr/estimators/parzen.hpp"

namespace lehr {
namespace {

constexpr double sqrt_half = 0.70710678118654752440;

}  // namespace

void ParzenEstimator::running_sums() const {
  double sum = 0.0;
  std::size_t next = 0;
  for (std::size_t k = 0; k < kernels_; ++k) {
    const bool out = growing_ && !merged_ && next < outside_.size() && outside_[next] == k;
    next += out ? 1 : 0;
    cumulative_.push_back(sum += out ? 0.0 : weights_[k]);
  }
}

std::size_t ParzenEstimator::sample_kernel(Rng& rng) const {
  const double u = rng.uniform() * cumulative_.back();
  const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), u);
  if (found != cumulative_.end()) return static_cast<std::size_t>(found - cumulative_.begin());
  // Rounding reached the sum itself: the last kernel with a weight.
  return static_cast<std::size_t>(
      std::lower_bound(cumulative_.begin(), cumulative_.end(), cumulative_.back()) - cumulative_.begin());
}

void ParzenEstimator::sample(Rng& rng, std::size_t count, std::span<double> out) const {
  const std::size_t width = columns_.size();
  if (cumulative_.empty()) running_sums();
  std::array<std::uint32_t, most_lanes> kernel;
  std::array<double, most_lanes> values;
  for (std::size_t first = 0; first < count; first += most_lanes) {
    const std::size_t n = std::min(most_lanes, count - first);
    for (std::size_t i = 0; i < n; ++i) kernel[i] = static_cast<std::uint32_t>(sample_kernel(rng));
    for (std::size_t d = 0; d < width; ++d) {
      draw_column(columns_[d], std::span<const std::uint32_t>(kernel).first(n), rng, values.data());
      for (std::size_t i = 0; i < n; ++i) out[(first + i) * width + d] = values[i];
    }
  }
}

// Room for most_lanes values is needed at `out`.
void ParzenEstimator::draw_column(const Column& column, std::span<const std::uint32_t> kernels, Rng& rng,
                                  double* out) const {
  const std::size_t n = kernels.size();
  if (column.categorical()) {
    // A kernel is a uniform part, `other` for each choice, and the rest on the observed one.
    const double choices = static_cast<double>(column.given.choices);
    for (std::size_t i = 0; i < n; ++i) {
      const double u = rng.uniform();
      const std::size_t code = index_of(column)[kernels[i]];
      const double uniform_part = code == column.given.choices ? 1.0 : column.other * choices;
      out[i] = u >= uniform_part ? static_cast<double>(code)
                                 : std::min(std::floor(u / uniform_part * choices), choices - 1.0);
    }
    return;
  }
  if (column.single()) {
    std::fill_n(out, n, column.given.low);
    return;
  }
  std::array<double, most_lanes> u{}, mean, inverse, lower_tail, mass;
  const std::size_t lanes = whole_blocks(n);
  for (std::size_t i = 0; i < lanes; ++i) {
    mean[i] = 0.5;
    inverse[i] = mass[i] = 1.0;
    lower_tail[i] = 0.0;
    if (i >= n) continue;
    u[i] = rng.uniform();
    const std::size_t k = kernels[i];
    if (!growing_ || column.discrete()) {
      const std::size_t c = index_of(column)[k];
      mean[i] = column.mean[c];
      inverse[i] = column.inverse[c];
      if (growing_) continue;
      lower_tail[i] = column.lower_tail[c];
      mass[i] = column.mass[c];
    } else if (k < column.where.size() && !std::isnan(column.where[k])) {
      mean[i] = column.where[k];
      inverse[i] = column.slope[k] / sqrt_half;
    }
  }
  if (growing_) loops_->unit_masses(lower_tail.data(), mass.data(), mean.data(), inverse.data(), lanes);
  loops_->draw(
      out, {lanes, u.data(), mean.data(), inverse.data(), lower_tail.data(), mass.data(), column.half_origin,
            column.half_extent, column.given.log, column.given.low, column.high, column.given.step});
}

}  // namespace lehr
