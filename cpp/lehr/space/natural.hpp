// Exact natural numbers of any size, for counting configurations.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lehr {

class Natural {
 public:
  Natural(std::uint64_t value = 0);  // NOLINT: a number is a number

  Natural& operator+=(const Natural& other);
  friend Natural operator*(const Natural& a, const Natural& b);
  bool zero() const noexcept { return limbs_.empty(); }
  std::string digits() const;

 private:
  std::vector<std::uint32_t> limbs_;  // base 1e9, least significant first, no leading zeros
};

}  // namespace lehr
