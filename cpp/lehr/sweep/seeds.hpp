// Seeds for studies. The small integers that people count with have few bits set; what a generator makes of
// them can be unrepresentative, so a sweep counts its studies 0, 1, 2, ... and runs each under a hash.
#pragma once

#include <cstdint>

namespace lehr {

// The seed of study `index`: the finaliser of SplitMix64 (Steele, Lea and Flood, 2014) over a shifted index.
// One to one, so no two studies share a seed.
std::uint64_t hashed_seed(std::uint64_t index);

}  // namespace lehr
