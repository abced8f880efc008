// Which values of the categorical variables have had a fair trial: one that ran, so that its worth is known.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "lehr/search/guided/encoding.hpp"

namespace lehr::guided {

struct ValueOf {
  std::size_t feature = 0;
  std::size_t choice = 0;
};

class Coverage {
 public:
  explicit Coverage(const std::vector<Feature>& features) {
    for (std::size_t j = 0; j < features.size(); ++j) {
      first_.push_back(values_.size());
      for (std::size_t choice = 0; choice < features[j].choices; ++choice) values_.push_back({j, choice});
    }
    fair_.assign(values_.size(), 0);
    failed_.assign(values_.size(), 0);
  }

  void observe(std::span<const double> row, bool fair) {
    for_values(row, [&](std::size_t at) { ++(fair ? fair_ : failed_)[at]; });
  }
  const std::vector<ValueOf>& values() const { return values_; }
  std::size_t fair(std::size_t at) const { return fair_[at]; }
  std::size_t failed(std::size_t at) const { return failed_[at]; }

  // Calls visit with the number of every value that a row contains.
  template <class Visit>
  void for_values(std::span<const double> row, Visit visit) const {
    for (std::size_t j = 0; j < first_.size(); ++j) {
      const std::size_t end = j + 1 < first_.size() ? first_[j + 1] : values_.size();
      if (first_[j] == end || std::isnan(row[j])) continue;
      visit(first_[j] + static_cast<std::size_t>(row[j]));
    }
  }

 private:
  std::vector<std::size_t> first_;  // per feature
  std::vector<ValueOf> values_;
  std::vector<std::size_t> fair_, failed_;
};

}  // namespace lehr::guided
