// The library's own random generator: portable, small, saveable. xoshiro256++ (Blackman and Vigna, "Scrambled
// linear pseudorandom number generators", 2021) seeded by SplitMix64. Distributions are ours too, since those
// of the standard library differ between implementations.
#pragma once

#include <array>
#include <bit>
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

  std::uint64_t next() {
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
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }          // [0, 1), 53 bits
  double uniform(double low, double high) { return low + (high - low) * uniform(); }  // [low, high)
  // 0 .. n-1 without bias; n >= 1
  std::uint64_t below(std::uint64_t n) {
    std::uint64_t draw = next();
    if (draw < n) {  // draws below 2^64 mod n would favour small results; most draws need not know it
      const std::uint64_t reject = -n % n;
      while (draw < reject) draw = next();
    }
    return draw % n;
  }
  double normal();  // N(0, 1)

 private:
  State state_;
};

}  // namespace lehr
