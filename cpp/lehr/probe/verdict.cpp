#include "lehr/probe/verdict.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "lehr/base/error.hpp"
#include "lehr/probe/beta.hpp"

namespace lehr::probe {
namespace {

// Weight of the alternative 'never beyond': the usual one, and the one that settles fastest.
constexpr double never = 0.7;
// Margins for exceedances that were seen, where there may be slow spells; calibrated as the margin is.
constexpr double wary = 2.5;
// Calls, in spells, from which on the discount for a run that may be of one spell fades.
constexpr double fading = 4;
// Samples that must all lie far beyond the limit (as many as the paper's trial timeout looks at).
constexpr std::size_t far_samples = 3;

double log_sum(double a, double b) {
  const double high = std::max(a, b);
  if (high == -std::numeric_limits<double>::infinity()) return high;
  return high + std::log(std::exp(a - high) + std::exp(b - high));
}

}  // namespace

double log_evidence_below(double beyond, double within, double null) {
  // The integral of p^s (1 - p)^f over (0, null), over null and over null^s (1 - null)^f.
  const double at_null = beyond * std::log(null) + within * std::log1p(-null);
  const double mass =
      log_beta(beyond + 1, within + 1) + log_incomplete_beta(beyond + 1, within + 1, null).below;
  const double spread = std::log(1 - never) + mass - std::log(null) - at_null;
  return beyond > 0 ? spread : log_sum(std::log(never) - at_null, spread);
}

double log_evidence_above(double beyond, double within, double null) {
  const double at_null = beyond * std::log(null) + within * std::log1p(-null);
  const double mass =
      log_beta(beyond + 1, within + 1) + log_incomplete_beta(beyond + 1, within + 1, null).above;
  return mass - std::log1p(-null) - at_null;
}

double log_evidence_unseen(double beyond, double within, double null, double spells, double reach) {
  constexpr int steps = 32;
  const double most = std::min(null, reach);
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i <= steps; ++i) {
    const double unseen = most * i / steps;
    if (unseen >= reach || (unseen >= null && beyond > 0)) break;  // no such process; evidence is infinite
    const double base = unseen >= null ? 0 : log_evidence_below(beyond, within, null - unseen);
    least = std::min(least, base - spells * std::log1p(-unseen / reach));
  }
  return least;
}

Verdict::Verdict(const Question& question) : question_(question) {
  const auto refuse = [](const std::string& what) { throw OptionError(what); };
  if (!(question.limit > 0) || !std::isfinite(question.limit))
    refuse("a latency limit must be a finite number above 0");
  if (!(question.share > 0 && question.share < 1)) refuse("a limited percentile must lie between 0 and 100");
  if (!(question.confidence > 0.5 && question.confidence < 1))
    refuse("confidence must lie between 0.5 and 1");
  if (!(question.spell >= 1) || question.spell > 1e6) refuse("a slow spell must last for at least one call");
  if (!(question.margin >= 0) || question.margin > 10) refuse("the margin must lie between 0 and 10");
  if (!(question.tail_index >= 0) || question.tail_index > 10)
    refuse("the tail index must lie between 0 and 10");
  below_ = levels_below();
  above_ = levels_above();
}

Verdict::Levels Verdict::levels_below() const {
  const double null = 1 - question_.share, spell = question_.spell;
  const double far = far_spell();
  Levels levels{{question_.limit, null, 1, spell}};
  if (question_.tail_index > 0) {
    for (const double fraction : {2.0, 4.0, 8.0}) {
      const double raised = null * std::pow(fraction, question_.tail_index);
      if (raised <= 0.8) levels.push_back({question_.limit / fraction, raised, 0, far});
    }
  }
  const double rest = static_cast<double>(levels.size()) - 1;
  for (Level& level : levels) level.weight = rest > 0 ? 0.5 / rest : 1;
  if (rest > 0) levels.front().weight = 0.5;
  return levels;
}

Verdict::Levels Verdict::levels_above() const {
  const double null = 1 - question_.share, spell = question_.spell;
  const double far = far_spell();
  if (far == spell) return {{question_.limit, null, 1, spell}};
  return {{question_.limit, null, 0.5, spell}, {far_factor * question_.limit, null, 0.5, far}};
}

Dependence Verdict::seen_dependence(std::span<const double> samples) const {
  // Where there may be slow spells, all exceedances of a short run may be of one.
  return dependence(samples, question_.limit, question_.margin, question_.spell > 1 ? wary : 1);
}

double Verdict::reach() const {
  const double effective = static_cast<double>(seen_) / far_spell();
  const double count = static_cast<double>(near_) / far_spell() + 1;
  return std::min(1.0, (count + 2 * std::sqrt(count)) / effective);
}

// Where the tail falls as assumed, of the samples beyond a fraction of the limit no more than one in k^a are
// beyond the limit, by two standard errors and one sample.
bool Verdict::contradicted(const Level& level) const {
  const double beyond = static_cast<double>(exceedances());
  const double share = below_.front().null / level.null;
  const double expected = share * static_cast<double>(level.beyond);
  return share < 1 && beyond > expected + 2 * std::sqrt(expected) + 1;
}

double Verdict::log_feasible(double discount) const {
  const double n = static_cast<double>(seen_), divisor = std::max(discount, far_spell());
  double total = -std::numeric_limits<double>::infinity();
  for (const Level& level : below_) {
    const double beyond = static_cast<double>(level.beyond), within = n - beyond;
    if (beyond >= level.null * n || contradicted(level)) continue;
    const double found =
        level.spell > far_spell()
            ? log_evidence_unseen(beyond / divisor, within / divisor, level.null, n / level.spell, reach())
            : log_evidence_below(beyond / divisor, within / divisor, level.null);
    total = log_sum(total, std::log(level.weight) + found);
  }
  return total;
}

double Verdict::log_infeasible(double discount) const {
  const double n = static_cast<double>(seen_);
  double total = -std::numeric_limits<double>::infinity();
  for (const Level& level : above_) {
    const double beyond = static_cast<double>(level.beyond), within = n - beyond;
    if (beyond <= level.null * n) continue;  // says the opposite
    // A short run may be of one spell; in a longer one spells have shown themselves.
    const double least = std::clamp(level.spell * fading * level.spell / n, far_spell(), level.spell);
    const double divisor = std::max(discount, least);
    total = log_sum(
        total, std::log(level.weight) + log_evidence_above(beyond / divisor, within / divisor, level.null));
  }
  return total;
}

// With a tail that falls as x^-a, P(latency > k limit) <= (1 - q) / k^a on a feasible device: the first
// sample alone lies there with at most half of alpha when k^a = 2 (1 - q) / alpha, whatever the samples have
// to do with each other. That the next ones do as well is asked for on top.
bool Verdict::far_beyond(std::span<const double> samples) const {
  if (question_.tail_index <= 0 || samples.size() < far_samples) return false;
  const double power = 2 * (1 - question_.share) / (1 - question_.confidence);
  const double threshold = question_.limit * std::pow(std::max(power, 1.0), 1 / question_.tail_index);
  return std::all_of(samples.begin(), samples.begin() + far_samples,
                     [&](double value) { return value > threshold; });
}

Answer Verdict::look(std::span<const double> samples) {
  if (samples.size() <= seen_) return answer_;
  for (Levels* const levels : {&below_, &above_}) {
    for (Level& level : *levels) {
      for (const double value : samples.subspan(seen_)) level.beyond += value > level.threshold ? 1 : 0;
    }
  }
  for (const double value : samples.subspan(seen_)) {
    near_ += value > question_.limit / far_factor ? 1 : 0;
  }
  seen_ = samples.size();
  if (answer_ != Answer::open) return answer_;

  const double alpha = 1 - question_.confidence;
  // The two ways to be told infeasible share alpha.
  const double needed_below = -std::log(alpha);
  const double needed_above = question_.tail_index > 0 ? -std::log(alpha / 2) : needed_below;
  const auto settle = [&](const Dependence& by) {
    if (log_infeasible(by.seen) >= needed_above) return Answer::infeasible;
    if (log_feasible(by.unseen) >= needed_below) return Answer::feasible;
    return Answer::open;
  };
  // Independent samples would say most: only when those would settle it, is it worth seeing what these are.
  Answer found = settle({1, 1});
  if (found != Answer::open) found = settle(seen_dependence(samples));
  if (far_beyond(samples)) found = Answer::infeasible;
  if (found != Answer::open) {
    answer_ = found;
    settled_at_ = seen_;
  }
  return answer_;
}

double Verdict::told_discount(const Dependence& by) const {
  const bool fewer = static_cast<double>(exceedances()) < (1 - question_.share) * static_cast<double>(seen_);
  return std::max(question_.spell, fewer ? by.unseen : by.seen);
}

Evidence Verdict::evidence(std::span<const double> samples) const {
  const Dependence by = seen_dependence(samples);
  return {log_feasible(by.unseen), log_infeasible(by.seen), told_discount(by)};
}

double Verdict::probability(std::span<const double> samples) const {
  const double divisor = told_discount(seen_dependence(samples));
  const double beyond = static_cast<double>(exceedances()), within = static_cast<double>(seen_) - beyond;
  return std::exp(
      log_incomplete_beta(beyond / divisor + 0.5, within / divisor + 0.5, 1 - question_.share).below);
}

}  // namespace lehr::probe
