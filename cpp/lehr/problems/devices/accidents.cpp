#include "lehr/problems/devices/accidents.hpp"

#include <algorithm>
#include <cmath>

namespace lehr::devices {

double noise(const Jitter& jitter, Rng& rng) {
  const double z = rng.normal();
  const double stretched = std::expm1(jitter.skew * z) / jitter.skew *
                           (jitter.tail > 0.0 ? std::exp(0.5 * jitter.tail * z * z) : 1.0);
  return std::max(0.5, 1.0 + jitter.spread * stretched);
}

}  // namespace lehr::devices
