// Trial numbers by hash: a flat table with open addressing, so that adding allocates only when the table
// doubles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lehr {

class HashIndex {
 public:
  std::size_t size() const noexcept { return size_; }

  void add(std::uint64_t hash, std::size_t trial) {
    if (2 * (size_ + 1) > entries_.size()) grow();
    put(entries_, {hash, trial});
    ++size_;
  }

  // Whether some trial of that hash satisfies the predicate.
  template <class Predicate>
  bool any(std::uint64_t hash, Predicate predicate) const {
    if (size_ == 0) return false;
    const std::size_t mask = entries_.size() - 1;
    for (std::size_t at = hash & mask; entries_[at].trial != none; at = (at + 1) & mask) {
      if (entries_[at].hash == hash && predicate(entries_[at].trial)) return true;
    }
    return false;
  }

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  struct Entry {
    std::uint64_t hash = 0;
    std::size_t trial = none;
  };

  static void put(std::vector<Entry>& entries, Entry entry) {
    const std::size_t mask = entries.size() - 1;
    std::size_t at = entry.hash & mask;
    while (entries[at].trial != none) at = (at + 1) & mask;
    entries[at] = entry;
  }

  void grow() {
    std::vector<Entry> larger(entries_.empty() ? 64 : 2 * entries_.size());
    for (const Entry& entry : entries_) {
      if (entry.trial != none) put(larger, entry);
    }
    entries_.swap(larger);
  }

  std::vector<Entry> entries_;  // a power of two, at most half of them taken
  std::size_t size_ = 0;
};

}  // namespace lehr
