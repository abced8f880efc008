// Sorting positions of one dimension together with the kernels they belong to.
#pragma once

#include <cstdint>
#include <vector>

namespace lehr {

struct Placed {
  double at;  // for sort_placed: in [0, 1]
  std::uint32_t index;
};

// Ascending by position; equal ones keep their order. scratch is reused.
void sort_placed(std::vector<Placed>& items, std::vector<Placed>& scratch);

}  // namespace lehr
