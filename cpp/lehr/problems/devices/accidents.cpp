#include "lehr/problems/devices/accidents.hpp"

#include <algorithm>
#include <cmath>

namespace lehr::devices {

std::uint64_t salt(std::string_view problem) {
  // FNV-1a, 64 bits.
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char letter : problem) hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3ULL;
  return hash;
}

double noise(const Jitter& jitter, Rng& rng) {
  const double z = rng.normal();
  const double stretched = std::expm1(jitter.skew * z) / jitter.skew *
                           (jitter.tail > 0.0 ? std::exp(0.5 * jitter.tail * z * z) : 1.0);
  return std::max(0.5, 1.0 + jitter.spread * stretched);
}

}  // namespace lehr::devices
