#include "lehr/base/rng.hpp"

#include <cmath>
#include <numbers>

namespace lehr {
namespace {

std::uint64_t split_mix(std::uint64_t& x) {
  x += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = x;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

Rng::State seeded(std::uint64_t seed) {
  Rng::State state;
  for (std::uint64_t& word : state) word = split_mix(seed);
  return state;
}

}  // namespace

Rng::Rng(std::uint64_t seed) : state_(seeded(seed)) {}

Rng::Rng(std::uint64_t seed, std::uint64_t number, std::uint64_t purpose) : state_() {
  std::uint64_t mixed = seed;
  mixed = split_mix(mixed) ^ number;
  mixed = split_mix(mixed) ^ purpose;
  state_ = seeded(split_mix(mixed));
}

double Rng::normal() {
  // Box-Muller, one value a call: no hidden second value that a saved state would have to carry.
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

}  // namespace lehr
