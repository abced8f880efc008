#include "lehr/base/rng.hpp"

#include <bit>
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

std::uint64_t Rng::next() {
  const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
  const std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

double Rng::uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

double Rng::uniform(double low, double high) { return low + (high - low) * uniform(); }

std::uint64_t Rng::below(std::uint64_t n) {
  const std::uint64_t reject = -n % n;  // 2^64 mod n: draws below it would favour small results
  std::uint64_t draw = next();
  while (draw < reject) draw = next();
  return draw % n;
}

double Rng::normal() {
  // Box-Muller, one value a call: no hidden second value that a saved state would have to carry.
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

}  // namespace lehr
