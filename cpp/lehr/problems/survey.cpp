#include "lehr/problems/survey.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "lehr/base/error.hpp"
#include "lehr/base/rng.hpp"
#include "lehr/space/cells.hpp"
#include "lehr/space/compiled.hpp"

namespace lehr {
namespace {

constexpr std::size_t kMostListed = 5'000'000;
constexpr double kZ95 = 1.959963984540054;

double chance_of(const Space& space, const Configuration& codes) {
  double weight = 1.0;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (!std::isnan(codes[i])) weight *= chance(space.variable(i), codes[i]);
  }
  return weight;
}

Share wilson(std::size_t hits, std::size_t n) {
  const double total = static_cast<double>(n);
  const double p = static_cast<double>(hits) / total;
  const double z2 = kZ95 * kZ95;
  const double middle = (p + z2 / (2.0 * total)) / (1.0 + z2 / total);
  const double half =
      kZ95 / (1.0 + z2 / total) * std::sqrt(p * (1.0 - p) / total + z2 / (4.0 * total * total));
  return {p, std::max(0.0, middle - half), std::min(1.0, middle + half), false, n};
}

// Whether every configuration can be listed in reasonable time.
bool listable(const Problem& problem) {
  if (!problem.space()->compiled().diagram) return false;
  const std::optional<std::string> count = problem.space()->count();
  if (!count) return false;
  std::size_t configurations = 0;
  const auto [end, error] = std::from_chars(count->data(), count->data() + count->size(), configurations);
  return error == std::errc() && configurations <= kMostListed;
}

}  // namespace

Optimum best_of_all(const Problem& problem) {
  Optimum best;
  best.objective = missing;
  std::size_t seen = 0;
  problem.space()->enumerate(0, [&](const Configuration& codes) {
    ++seen;
    const Evaluation truth = problem.truth(codes);
    if (!problem.feasible(truth.result)) return true;
    const double gain =
        best.configuration.empty() ? 1.0 : problem.gain(truth.result.objective, best.objective);
    if (gain > 0.0) {
      best.configuration = codes;
      best.objective = truth.result.objective;
      best.families.clear();
    }
    if (gain >= 0.0 && problem.family()) best.families.push_back(codes[*problem.family()]);
    return true;
  });
  std::erase_if(best.families, [](double code) { return std::isnan(code); });
  std::sort(best.families.begin(), best.families.end());
  best.families.erase(std::unique(best.families.begin(), best.families.end()), best.families.end());
  best.certificate = "enumeration of all " + std::to_string(seen) + " configurations";
  if (best.configuration.empty()) best.certificate += ": none is feasible";
  return best;
}

Share invalid_share(const Problem& problem, std::size_t n, std::uint64_t seed) {
  if (listable(problem)) {
    double all = 0.0;
    double invalid = 0.0;
    std::size_t seen = 0;
    problem.space()->enumerate(0, [&](const Configuration& codes) {
      const double weight = chance_of(*problem.space(), codes);
      all += weight;
      if (!problem.feasible(problem.truth(codes).result)) invalid += weight;
      ++seen;
      return true;
    });
    const double share = invalid / all;
    return {share, share, share, true, seen};
  }
  if (n == 0) throw OptionError("n must be at least 1: this space is too large to list, so draws are needed");
  std::size_t hits = 0;
  for (std::size_t k = 0; k < n; ++k) {
    Rng rng(seed, k, 0);
    if (!problem.feasible(problem.truth(problem.space()->sample(rng)).result)) ++hits;
  }
  return wilson(hits, n);
}

std::vector<FamilyBest> best_of_family(const Problem& problem) {
  if (!problem.family() || !listable(problem)) return {};
  std::vector<FamilyBest> table(problem.space()->variable(*problem.family()).cardinality());
  for (std::size_t k = 0; k < table.size(); ++k) table[k].code = static_cast<double>(k);
  problem.space()->enumerate(0, [&](const Configuration& codes) {
    const double code = codes[*problem.family()];
    if (std::isnan(code)) return true;
    FamilyBest& family = table[static_cast<std::size_t>(code)];
    ++family.configurations;
    const Evaluation truth = problem.truth(codes);
    if (!problem.feasible(truth.result)) return true;
    ++family.feasible;
    if (std::isnan(family.objective) || problem.gain(truth.result.objective, family.objective) > 0.0)
      family.objective = truth.result.objective;
    return true;
  });
  return table;
}

}  // namespace lehr
