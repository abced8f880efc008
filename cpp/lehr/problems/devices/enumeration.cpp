#include "lehr/problems/devices/enumeration.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace lehr::devices {

Optimum best_of_all(const Problem& problem) {
  Optimum best;
  best.objective = -std::numeric_limits<double>::infinity() * problem.gain(1.0, 0.0);
  std::size_t count = 0;
  problem.space()->enumerate(0, [&](const Configuration& codes) {
    ++count;
    const Evaluation found = problem.truth(codes);
    if (!problem.feasible(found.result)) return true;
    const double gain = problem.gain(found.result.objective, best.objective);
    if (gain > 0.0) {
      best.objective = found.result.objective;
      best.configuration = codes;
      best.families.clear();
    }
    if (gain >= 0.0 && problem.family()) {
      const double family = codes[*problem.family()];
      if (std::find(best.families.begin(), best.families.end(), family) == best.families.end())
        best.families.push_back(family);
    }
    return true;
  });
  best.certificate = "enumeration of all " + std::to_string(count) + " configurations without noise";
  return best;
}

double probability(const Space& space, std::span<const double> codes) {
  double product = 1.0;
  for (std::size_t i = 0; i < space.size(); ++i) {
    const double code = codes[i];
    if (std::isnan(code)) continue;
    const Variable& variable = space.variable(i);
    product *= variable.log ? std::log((code + 0.5) / (code - 0.5)) /
                                  std::log((variable.high + 0.5) / (variable.low - 0.5))
                            : 1.0 / static_cast<double>(variable.cardinality());
  }
  return product;
}

double invalid_share(const Problem& problem) {
  double share = 0.0;
  problem.space()->enumerate(0, [&](const Configuration& codes) {
    if (!problem.feasible(problem.truth(codes).result)) share += probability(*problem.space(), codes);
    return true;
  });
  return share;
}

}  // namespace lehr::devices
