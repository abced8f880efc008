#include "lehr/estimators/bandwidths.hpp"

#include <algorithm>

namespace lehr {

void bandwidths(std::span<const double> positions, std::span<double> out) {
  const std::size_t n = positions.size();
  if (n == 0) return;
  const double smallest = 1.0 / std::min(100.0, static_cast<double>(n) + 2.0);
  if (n == 1) {
    out[0] = std::clamp(std::max(positions[0], 1.0 - positions[0]), smallest, 1.0);
    return;
  }
  out[0] = positions[1] - positions[0];
  for (std::size_t i = 1; i + 1 < n; ++i) {
    out[i] = std::max(positions[i] - positions[i - 1], positions[i + 1] - positions[i]);
  }
  out[n - 1] = positions[n - 1] - positions[n - 2];
  for (std::size_t i = 0; i < n; ++i) out[i] = std::clamp(out[i], smallest, 1.0);
}

}  // namespace lehr
