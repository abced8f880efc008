#include "lehr/search/evaluated_set.hpp"

#include <algorithm>
#include <cmath>

#include "lehr/base/error.hpp"
#include "lehr/search/codes.hpp"

namespace lehr {

EvaluatedSet::EvaluatedSet(const Space& space, const History& history, bool repeats)
    : space_(&space), history_(&history), repeats_(repeats), continuous_(false) {
  for (const Variable& variable : space.variables()) continuous_ = continuous_ || !variable.discrete();
}

void EvaluatedSet::add(std::size_t trial) {
  if (!repeats_) trials_.add(hash_codes(history_->codes(trial)), trial);
}

void EvaluatedSet::add_partial(std::size_t trial) {
  if (repeats_) return;
  const std::span<const double> codes = history_->codes(trial);
  std::vector<std::size_t> variables;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (!std::isnan(codes[i])) variables.push_back(i);
  }
  if (variables.size() == codes.size()) return add(trial);
  if (variables.empty()) return;
  auto pattern = std::find_if(patterns_.begin(), patterns_.end(),
                              [&](const Pattern& known) { return known.variables == variables; });
  if (pattern == patterns_.end()) pattern = patterns_.insert(pattern, {std::move(variables), {}});
  looked_at_.clear();
  for (const std::size_t i : pattern->variables) looked_at_.push_back(codes[i]);
  pattern->trials.add(hash_codes(looked_at_), trial);
}

bool EvaluatedSet::agrees_with_partial(std::span<const double> codes) const {
  for (const Pattern& pattern : patterns_) {
    looked_at_.clear();
    for (const std::size_t i : pattern.variables) looked_at_.push_back(codes[i]);
    const bool found = pattern.trials.any(hash_codes(looked_at_), [&](std::size_t trial) {
      const std::span<const double> known = history_->codes(trial);
      return std::all_of(pattern.variables.begin(), pattern.variables.end(),
                         [&](std::size_t i) { return known[i] == codes[i]; });
    });
    if (found) return true;
  }
  return false;
}

bool EvaluatedSet::contains(std::span<const double> codes) const {
  if (repeats_) return false;
  if (agrees_with_partial(codes)) return true;
  return trials_.any(hash_codes(codes),
                     [&](std::size_t trial) { return same_codes(history_->codes(trial), codes); });
}

Configuration EvaluatedSet::draw(Rng& rng) const {
  // Rejection finds what is left unless little is left; only then is the space walked.
  for (int attempt = 0; attempt < 256; ++attempt) {
    Configuration configuration = space_->sample(rng);
    if (!contains(configuration)) return configuration;
  }
  // A partial trial rules out all that agrees with it, which can be a whole space that has no end to walk.
  if (!patterns_.empty()) return space_->sample(rng);
  return draw_remaining(rng);
}

Configuration EvaluatedSet::draw_remaining(Rng& rng) const {
  // One pass, each unseen configuration kept with probability 1 / (number met so far): uniform without
  // storing them. Continuous variables that are never active leave a space finite; those that are active are
  // thinned to a grid, whose points a random search practically never hits.
  constexpr std::size_t enough = 100000;
  Configuration kept;
  std::size_t met = 0;
  space_->enumerate(continuous_ ? 1000 : 0, [&](const Configuration& configuration) {
    if (!contains(configuration) && rng.below(++met) == 0) kept = configuration;
    return met < enough;
  });
  if (met == 0) {
    throw ExhaustedError(
        "all " + std::to_string(trials_.size()) +
        " legal configurations of this space have been evaluated or are being evaluated; stop here, "
        "widen the space, or pass allow_repeats=True to measure some again");
  }
  return kept;
}

}  // namespace lehr
