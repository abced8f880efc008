#include "lehr/problems/devices/chips.hpp"

#include <array>
#include <cassert>
#include <string_view>

namespace lehr::devices {
namespace {

constexpr Host sapphire_rapids{"Xeon Platinum 8481C, 26 vCPU", 1.0, 13, 26, 2.6, 64, 4, 120, 12};
constexpr Host cascade_lake_12{"Xeon Cascade Lake 2.2 GHz, 12 vCPU", 0.75, 6, 12, 2.2, 64, 4, 60, 11};
constexpr Host cascade_lake_4{"Xeon Cascade Lake 2.2 GHz, 4 vCPU", 0.75, 2, 4, 2.2, 64, 4, 20, 11};
constexpr Host skylake_4{"Xeon Skylake 2.0 GHz, 4 vCPU", 0.65, 2, 4, 2.0, 64, 1.33, 20, 10};
constexpr Host ryzen{"Ryzen 7 9700X", 1.6, 8, 16, 4.5, 64, 4, 70, 30};

constexpr std::array<Chip, 5> all{{
    {"h100", 90, 132, 66.9, 494.7, 989.4, 1978.9, 1978.9, 3350, 81559, 1.0, 12, sapphire_rapids},
    {"a100", 80, 108, 19.5, 156, 312, 624, 0, 2039, 81920, 1.0, 8, cascade_lake_12},
    {"rtx5080", 120, 84, 56.3, 56.3, 112.6, 450.2, 225.1, 960, 16303, 1.0, 12, ryzen},
    {"l4", 89, 58, 30.3, 60, 121, 242.5, 242.5, 300, 23034, 0.6, 8, cascade_lake_4},
    {"t4", 75, 40, 8.1, 0, 65, 130, 0, 320, 15360, 0.6, 6, skylake_4},
}};

}  // namespace

std::span<const Chip> chips() { return all; }

const Chip& chip(const char* name) {
  for (const Chip& candidate : all) {
    if (std::string_view(candidate.name) == name) return candidate;
  }
  assert(false);
  return all.front();
}

}  // namespace lehr::devices
