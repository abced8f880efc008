#include "lehr/sweep/seeds.hpp"

namespace lehr {

std::uint64_t hashed_seed(std::uint64_t index) {
  // The increment of SplitMix64, once more than the index, so that study 0 is not seeded by 0.
  std::uint64_t z = (index + 1) * 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace lehr
