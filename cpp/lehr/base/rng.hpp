// The library's own random generator: portable, small, saveable. xoshiro256++ (Blackman and Vigna, "Scrambled
// linear pseudorandom number generators", 2021) seeded by SplitMix64. Distributions are ours too, since those
// of the standard library differ between implementations.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace lehr {

class Rng {
 public:
  using State = std::array<std::uint64_t, 4>;

  explicit Rng(std::uint64_t seed);
  // An independent generator for one purpose of one trial: what trial `number` draws for `purpose` depends on
  // nothing else, so a search can be replayed from its history without replaying its random draws.
  Rng(std::uint64_t seed, std::uint64_t number, std::uint64_t purpose);

  std::uint64_t next();
  double uniform();                         // [0, 1), 53 bits
  double uniform(double low, double high);  // [low, high)
  std::uint64_t below(std::uint64_t n);     // 0 .. n-1 without bias; n >= 1
  double normal();                          // N(0, 1)

  const State& state() const noexcept { return state_; }
  void restore(const State& state) { state_ = state; }

 private:
  State state_;
};

}  // namespace lehr
