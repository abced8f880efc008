#include "lehr/search/estimate.hpp"

#include <algorithm>
#include <cmath>

namespace lehr {

Estimate measured(double value, double sem) {
  constexpr double least = 1e-300, most = 1e300;  // so that inverses are finite
  const double variance = sem * sem;
  return {value, variance >= least ? std::min(variance, most) : 0.0};
}

Estimate combined(std::span<const Estimate> measurements) {
  if (measurements.size() == 1) return measurements.front();
  const bool exact = std::any_of(measurements.begin(), measurements.end(),
                                 [](const Estimate& e) { return e.variance == 0.0; });
  double weights = 0.0, sum = 0.0;
  for (const Estimate& e : measurements) {
    if (exact && e.variance != 0.0) continue;
    const double weight = exact ? 1.0 : 1.0 / e.variance;
    weights += weight;
    sum += weight * e.value;
  }
  return {sum / weights, exact ? 0.0 : 1.0 / weights};
}

std::vector<double> shrunk(std::span<const Estimate> estimates) {
  std::vector<double> worth;
  for (const Estimate& e : estimates) worth.push_back(e.value);
  const auto n = static_cast<double>(estimates.size());
  if (estimates.size() < 2) return worth;
  double sum = 0.0, error = 0.0, squares = 0.0;
  for (const Estimate& e : estimates) {
    sum += e.value;
    error += e.variance / n;
  }
  if (error == 0.0) return worth;
  for (const Estimate& e : estimates) squares += (e.value - sum / n) * (e.value - sum / n);
  const double spread = squares / (n - 1.0);
  const double between = std::max(spread - error, 0.01 * spread);
  if (between == 0.0 || !std::isfinite(between)) return worth;
  double weights = 0.0, mean = 0.0;
  for (const Estimate& e : estimates) {
    weights += 1.0 / (between + e.variance);
    mean += e.value / (between + e.variance);
  }
  mean /= weights;
  for (std::size_t i = 0; i < worth.size(); ++i) {
    worth[i] = mean + between / (between + estimates[i].variance) * (estimates[i].value - mean);
  }
  return worth;
}

}  // namespace lehr
