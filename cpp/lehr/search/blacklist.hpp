// Subspace blacklisting (phase 1 only): values, and pairs of values, of categorical variables that keep
// failing are masked in proposals for a while.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <vector>

#include "lehr/space/space.hpp"

namespace lehr {

struct BlacklistOptions {
  bool enabled = true;
  bool pairs = true;
  std::size_t threshold = 3;  // consecutive failures (crash or infeasible) before a value is masked
  std::size_t cool_down = 8;  // finished trials for which it stays masked
};

class Blacklist {
 public:
  // A masked value (second variable absent) or pair of values.
  struct Entry {
    std::size_t variable = 0;
    std::size_t value = 0;
    bool pair = false;
    std::size_t other_variable = 0;
    std::size_t other_value = 0;
    std::size_t failures = 0;  // in a row, when it was masked
    std::size_t until = 0;     // masked while fewer than this many trials have finished
  };

  Blacklist(const Space& space, const BlacklistOptions& options);

  // A finished trial. Feasible: every active value and pair is cleared at once. Otherwise their counts rise,
  // and those that reach the threshold are masked; when that would mask every value of a variable, the one
  // masked longest returns.
  void observe(std::span<const double> codes, bool feasible);

  bool masked(std::size_t variable, double code) const;  // false for what is not categorical
  bool pair_masked(std::span<const double> codes) const;
  // No masked value and no masked pair of values.
  bool allows(std::span<const double> codes) const;
  std::vector<Entry> entries() const;
  std::size_t finished() const { return finished_; }

 private:
  struct Record {
    std::size_t failures = 0;
    std::size_t masked_failures = 0;
    std::size_t until = 0;
  };
  using Pair = std::array<std::size_t, 4>;

  bool active(const Record& record) const { return record.until > finished_; }
  void count_failure(Record& record);
  void keep_one_open(std::size_t position, std::size_t newest);

  BlacklistOptions options_;
  std::vector<std::size_t> categorical_;  // indices of categorical variables
  std::vector<std::size_t> position_;     // variable -> position in categorical_, or npos
  std::vector<std::vector<Record>> values_;
  std::map<Pair, Record> pairs_;
  std::size_t finished_ = 0;
};

}  // namespace lehr
