// How far another search's word on what fails is to be believed: the probability that it speaks of the same
// causes, by how much better than prior belief it foretold each trial here.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>

#include "lehr/search/guided/validity.hpp"

namespace lehr::guided {

class Trust {
 public:
  // Odds of 4 to begin with.
  double probability() const { return 1.0 / (1.0 + std::exp(-log_odds_)); }

  void observe(const Validity& prior, const Validity& hearsay, std::span<const double> row, bool ran) {
    if (hearsay.observations() == 0) return;
    const auto likelihood = [&](const Validity& model) {
      const double p = std::clamp(model.probability(row), 0.02, 0.98);
      return ran ? p : 1.0 - p;
    };
    // Bounded, so that it can be regained.
    log_odds_ = std::clamp(log_odds_ + std::log(likelihood(hearsay) / likelihood(prior)), -5.0, 3.0);
  }

 private:
  double log_odds_ = 1.4;
};

}  // namespace lehr::guided
