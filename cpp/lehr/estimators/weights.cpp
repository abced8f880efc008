#include "lehr/estimators/weights.hpp"

#include <algorithm>

namespace lehr {

void recency_weights(std::span<double> out) {
  constexpr std::size_t flat = 25;
  const std::size_t n = out.size();
  const std::size_t ramp = n > flat ? n - flat : 0;
  const double first = n > 0 ? 1.0 / static_cast<double>(n) : 1.0;
  for (std::size_t i = 0; i < ramp; ++i) {
    const double position = ramp > 1 ? static_cast<double>(i) / static_cast<double>(ramp - 1) : 0.0;
    out[i] = first + (1.0 - first) * position;
  }
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(ramp), out.end(), 1.0);
}

std::vector<double> recency_weights(std::size_t n) {
  std::vector<double> weights(n);
  recency_weights(std::span<double>(weights));
  return weights;
}

}  // namespace lehr
