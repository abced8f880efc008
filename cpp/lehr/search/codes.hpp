// Configurations as keys: two are the same when all their codes are, an inactive variable being like another.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>

namespace lehr {

inline bool same_code(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

inline bool same_codes(std::span<const double> a, std::span<const double> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_code);
}

inline std::uint64_t hash_codes(std::span<const double> codes) {
  std::uint64_t h = 0x9e3779b97f4a7c15ULL;
  for (const double code : codes) {
    // All NaNs are one value here, and so are 0 and -0.
    const std::uint64_t bits = std::isnan(code) ? 1 : std::bit_cast<std::uint64_t>(code + 0.0);
    h = (h ^ bits) * 0xff51afd7ed558ccdULL;
    h ^= h >> 32;
  }
  return h;
}

}  // namespace lehr
