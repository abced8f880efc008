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
  if (!variables.empty()) add(partial_, std::move(variables), trial);
}

void EvaluatedSet::rule_out(std::size_t trial, std::vector<std::size_t> variables) {
  add(ruled_out_, std::move(variables), trial);
}

void EvaluatedSet::add(std::vector<Pattern>& patterns, std::vector<std::size_t> variables,
                       std::size_t trial) {
  auto pattern = std::find_if(patterns.begin(), patterns.end(),
                              [&](const Pattern& known) { return known.variables == variables; });
  if (pattern == patterns.end()) pattern = patterns.insert(pattern, {std::move(variables), {}});
  select(*pattern, history_->codes(trial));
  pattern->trials.add(hash_codes(selected_), trial);
}

void EvaluatedSet::select(const Pattern& pattern, std::span<const double> codes) const {
  selected_.clear();
  for (const std::size_t i : pattern.variables) selected_.push_back(codes[i]);
}

bool EvaluatedSet::agrees(const std::vector<Pattern>& patterns, std::span<const double> codes) const {
  for (const Pattern& pattern : patterns) {
    select(pattern, codes);
    const bool found = pattern.trials.any(hash_codes(selected_), [&](std::size_t trial) {
      const std::span<const double> known = history_->codes(trial);
      return std::all_of(pattern.variables.begin(), pattern.variables.end(),
                         [&](std::size_t i) { return same_code(known[i], codes[i]); });
    });
    if (found) return true;
  }
  return false;
}

bool EvaluatedSet::contains(std::span<const double> codes) const {
  if (agrees(ruled_out_, codes)) return true;
  if (repeats_) return false;
  if (agrees(partial_, codes)) return true;
  return trials_.any(hash_codes(codes),
                     [&](std::size_t trial) { return same_codes(history_->codes(trial), codes); });
}

Configuration EvaluatedSet::draw(Rng& rng) const {
  // Rejection finds what is left unless little is left; only then is the space walked.
  for (int attempt = 0; attempt < 256; ++attempt) {
    Configuration configuration = space_->sample(rng);
    if (!contains(configuration)) return configuration;
  }
  // All that agrees with a partial trial counts, which can be a whole space that has no end to walk.
  if (!partial_.empty()) return space_->sample(rng);
  return draw_remaining(rng);
}

Configuration EvaluatedSet::draw_remaining(Rng& rng) const {
  // One pass, each unseen configuration kept with probability 1 / (number met so far): uniform without
  // storing them. Continuous variables that are never active leave a space finite; those that are active are
  // thinned to a grid, whose points a random search practically never hits.
  constexpr std::size_t enough = 100000;
  // A rule can leave nothing of a space that takes too long to walk to its end.
  constexpr std::size_t most_walked = 10000000;
  Configuration kept;
  std::size_t met = 0, walked = 0;
  space_->enumerate(continuous_ ? 1000 : 0, [&](const Configuration& configuration) {
    if (!contains(configuration) && rng.below(++met) == 0) kept = configuration;
    return met < enough && (ruled_out_.empty() || ++walked < most_walked);
  });
  if (met == 0 && !ruled_out_.empty()) {
    throw ExhaustedError(
        "every configuration of this space has been evaluated, is being evaluated or is ruled out by one "
        "that "
        "was; stop here, or widen the space");
  }
  if (met == 0) {
    throw ExhaustedError(
        "all " + std::to_string(trials_.size()) +
        " legal configurations of this space have been evaluated or are being evaluated; stop here, "
        "widen the space, or pass allow_repeats=True to measure some again");
  }
  return kept;
}

}  // namespace lehr
