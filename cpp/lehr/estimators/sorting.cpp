#include "lehr/estimators/sorting.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace lehr {
namespace {

// Moves made, at most `limit` (then the order is unfinished).
std::size_t insertion_sort(std::vector<Placed>& items, std::size_t limit) {
  std::size_t moves = 0;
  for (std::size_t i = 1; i < items.size() && moves <= limit; ++i) {
    const Placed item = items[i];
    std::size_t k = i;
    for (; k > 0 && items[k - 1].at > item.at; --k) items[k] = items[k - 1];
    items[k] = item;
    moves += i - k;
  }
  return moves;
}

}  // namespace

void sort_placed(std::vector<Placed>& items, std::vector<Placed>& scratch) {
  const std::size_t n = items.size();
  constexpr std::size_t few = 40;
  if (n <= few) {
    insertion_sort(items, n * n);
    return;
  }
  // Radix sort by the leading 20 bits of the position, then insertion: what is left to do is near its place.
  constexpr std::size_t digits = 1024;
  constexpr double largest_key = digits * digits - 1;
  std::array<std::uint32_t, digits> low{}, high{};
  for (Placed& item : items) {
    const double scaled = item.at * largest_key;
    item.key = static_cast<std::uint32_t>(scaled > 0.0 ? std::min(scaled, largest_key) : 0.0);
    ++low[item.key % digits];
    ++high[item.key / digits];
  }
  std::uint32_t low_sum = 0, high_sum = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const std::uint32_t l = low[i], h = high[i];
    low[i] = low_sum;
    high[i] = high_sum;
    low_sum += l;
    high_sum += h;
  }
  scratch.resize(n);
  for (const Placed& item : items) scratch[low[item.key % digits]++] = item;
  for (const Placed& item : scratch) items[high[item.key / digits]++] = item;
  if (insertion_sort(items, 16 * n) > 16 * n) {
    // Many positions crowd into one key.
    std::stable_sort(items.begin(), items.end(),
                     [](const Placed& a, const Placed& b) { return a.at < b.at; });
  }
}

}  // namespace lehr
