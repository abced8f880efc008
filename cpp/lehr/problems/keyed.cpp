#include "lehr/problems/keyed.hpp"

#include <bit>
#include <cmath>

namespace lehr {

std::uint64_t key_of(std::span<const double> codes) noexcept {
  // Multiply and rotate, then SplitMix64's finaliser: every bit of every code reaches every bit of the key.
  std::uint64_t key = 0x9e3779b97f4a7c15ULL;
  for (const double code : codes) {
    const std::uint64_t bits =
        std::isnan(code) ? 0x7ff8dead00000000ULL : std::bit_cast<std::uint64_t>(code + 0.0);
    key = std::rotl((key ^ bits) * 0xff51afd7ed558ccdULL, 31);
    key ^= key >> 29;
  }
  key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9ULL;
  key = (key ^ (key >> 27)) * 0x94d049bb133111ebULL;
  return key ^ (key >> 31);
}

Rng noise_of(std::span<const double> codes, const Draw& draw) {
  return {draw.seed, key_of(codes), draw.repeat};
}

Rng nature_of(std::span<const double> codes, std::uint64_t problem, std::uint64_t purpose) {
  return {problem, key_of(codes), purpose};
}

}  // namespace lehr
