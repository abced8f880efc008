#include "lehr/search/guided/normal_tail.hpp"

#include <algorithm>
#include <cmath>

#include "lehr/estimators/elementary.hpp"
#include "lehr/estimators/normal.hpp"

namespace lehr::guided {

Tail upper_tail_moments(double mean, double deviation, double bound) {
  const double z = (bound - mean) / deviation;
  // Inverse Mills ratio phi(z) / (1 - Phi(z)).
  const double hazard = std::exp(-0.5 * z * z - elementary::log_sqrt_two_pi - log_ndtr(-z));
  const double shrink = std::clamp(1.0 + z * hazard - hazard * hazard, 0.0, 1.0);
  return {std::max(mean + deviation * hazard, bound), deviation * deviation * shrink};
}

double log_expected_improvement(double mean, double deviation, double best) {
  const double z = (mean - best) / deviation;
  const double log_density = -0.5 * z * z - elementary::log_sqrt_two_pi;
  if (z > -5.0) {
    const double density = std::exp(log_density);
    return std::log(deviation) + std::log(density + z * std::exp(log_ndtr(z)));
  }
  // phi(z) + z Phi(z) = phi(z) (1 + z R(-z)), R the Mills ratio, whose expansion gives 1 / z^2 (1 - 3 / z^2).
  const double square = z * z;
  return std::log(deviation) + log_density - std::log(square) +
         std::log1p(-3.0 / square + 15.0 / (square * square));
}

}  // namespace lehr::guided
