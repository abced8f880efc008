#include "lehr/space/space.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lehr/base/error.hpp"
#include "lehr/space/check.hpp"
#include "lehr/space/complete.hpp"
#include "lehr/space/enumerate.hpp"

namespace lehr {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Draws before the exact sampler takes over; both have the same distribution.
constexpr int kQuickDraws = 32;
// Without an exact sampler: draws, then steps of constructive search, then the one configuration known from
// the start.
constexpr int kPatientDraws = 4096;
constexpr std::size_t kSearchSteps = 100'000;

}  // namespace

Space::Space(std::vector<Variable> variables, std::vector<Condition> forbidden)
    : variables_(std::move(variables)), forbidden_(std::move(forbidden)) {
  Checked checked = check(variables_, forbidden_, {});
  if (!checked.mistakes.empty()) throw SpaceError(std::move(checked.mistakes));
  names_ = std::move(checked.names);
  compiled_ = std::make_shared<const Compiled>(std::move(checked.compiled));
}

std::optional<std::size_t> Space::find(const std::string& name) const {
  const auto found = names_.find(name);
  if (found == names_.end()) return std::nullopt;
  return found->second;
}

bool Space::active(std::size_t i, std::span<const double> codes) const {
  return compiled_->rules.when[i].holds(codes);
}

bool Space::is_forbidden(std::span<const double> codes) const {
  const std::vector<Program>& forbidden = compiled_->rules.forbidden;
  return std::any_of(forbidden.begin(), forbidden.end(),
                     [&](const Program& rule) { return rule.holds(codes); });
}

bool Space::legal(std::span<const double> codes) const {
  if (codes.size() != size()) return false;
  for (std::size_t i = 0; i < size(); ++i) {
    const bool legal_here = active(i, codes) ? variables_[i].legal(codes[i]) : std::isnan(codes[i]);
    if (!legal_here) return false;
  }
  return !is_forbidden(codes);
}

Configuration Space::sample(Rng& rng) const {
  const bool exact = compiled_->diagram.has_value();
  Configuration codes(size(), kNaN);
  const int draws = exact ? kQuickDraws : kPatientDraws;
  for (int k = 0; k < draws; ++k) {
    for (std::size_t i = 0; i < size(); ++i) codes[i] = active(i, codes) ? draw(variables_[i], rng) : kNaN;
    if (!is_forbidden(codes)) return codes;
  }
  if (exact) {
    compiled_->diagram->sample(compiled_->rules, variables_, codes, rng);
    return codes;
  }
  std::size_t budget = kSearchSteps;
  std::fill(codes.begin(), codes.end(), kNaN);
  return complete(variables_, compiled_->rules, codes, {}, rng, budget).value_or(compiled_->witness);
}

double Space::sample_variable(std::size_t i, Rng& rng) const { return draw(variables_[i], rng); }

void Space::repair(Configuration& codes, Rng& rng) const {
  for (std::size_t i = 0; i < size(); ++i) {
    if (!active(i, codes)) {
      codes[i] = kNaN;
    } else if (std::isnan(codes[i])) {
      codes[i] = draw(variables_[i], rng);
    }
  }
}

std::optional<std::string> Space::count() const {
  if (!compiled_->diagram) {
    throw Error(
        "The conditions and forbidden combinations of this space are too entangled to count exactly.");
  }
  return compiled_->diagram->count(compiled_->rules, variables_);
}

void Space::enumerate(std::size_t resolution, const std::function<bool(const Configuration&)>& visit) const {
  Enumerator enumerator(*this, resolution);
  while (const Configuration* codes = enumerator.next()) {
    if (!visit(*codes)) return;
  }
}

}  // namespace lehr
