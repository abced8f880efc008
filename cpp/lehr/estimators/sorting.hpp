// Sorting positions of one dimension together with the kernels they belong to.
#pragma once

#include <cstdint>
#include <vector>

namespace lehr {

struct Placed {
  double at;
  std::uint32_t index;
  std::uint32_t key = 0;  // of the sort's own
};

// Ascending by position; equal ones keep their order. Fastest for positions in [0, 1]. scratch is reused.
void sort_placed(std::vector<Placed>& items, std::vector<Placed>& scratch);

}  // namespace lehr
