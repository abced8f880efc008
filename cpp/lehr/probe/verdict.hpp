// Is the q-quantile of a latency within its limit? The question is a Bernoulli one, P(latency > limit) <= 1 -
// q, asked again after every sample, and answered the moment the evidence suffices.
//
// Evidence is an e-process: a nonnegative process whose expectation stays below 1 while its null hypothesis
// holds, so that it ever reaches 1 / alpha with probability at most alpha, however often one looks (Ville,
// 1939; Robbins, Annals of Mathematical Statistics 41, 1970; Ramdas, Gruenwald, Vovk and Shafer,
// Statistical Science 38, 2023). Against a Bernoulli null, it is a likelihood ratio averaged over
// alternatives (a beta-binomial mixture). Only one of the two verdicts can be wrong on a given device, so
// each side spends the whole alpha = 1 - confidence.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "lehr/probe/dependence.hpp"

namespace lehr::probe {

enum class Answer { open, feasible, infeasible };

struct Question {
  double limit;       // milliseconds (or whatever the samples are in)
  double share;       // q in (0, 1)
  double confidence;  // in (0.5, 1)
  // 0: nothing is assumed about the distribution. a > 0: beyond limit / 8 the tail is assumed to fall at
  // least as fast as x^-a, that is P(latency > k t) <= P(latency > t) / k^a for k >= 1 (a = 1 is so heavy a
  // tail that it has no mean). Samples far from the limit then say more than that they did not cross it.
  double tail_index = 0;
  // Calls that a slow spell lasts on average, which the verdict has to survive without having seen one; 1 for
  // none. Spells that slow calls by more than far_factor are taken to last for far_share of that, so that
  // calls far from the limit say more. Dependence that shows in the samples is accounted for anyway.
  double spell = 1;
  // Standard errors by which the lag-one correlation is taken to be higher than estimated; its value is
  // calibrated by bench/verdict_coverage.py.
  double margin = 1;
};

// As calibrated by bench/verdict_coverage.py.
inline constexpr double far_share = 3.5 / 16;
inline constexpr double far_factor = 2;

struct Evidence {
  double log_feasible;    // log e-value against P(latency > limit) > 1 - q, discounted
  double log_infeasible;  // log e-value against P(latency > limit) <= 1 - q, discounted
  double discount;        // samples that say as much as one independent one
};

// After n samples, when it is worth looking again: after every one at first, then 32 times while n grows by a
// factor e.
constexpr std::size_t next_look(std::size_t n) { return n + 1 + n / 32; }

// log of the mixture likelihood ratio for the alternatives below `null`: point 0 with weight 0.7 and the
// rest uniform on (0, null). Counts may be fractional.
double log_evidence_below(double beyond, double within, double null);
// The same for alternatives uniform on (null, 1).
double log_evidence_above(double beyond, double within, double null);

// As log_evidence_below, where a part of the rate may be that of slow spells of which none was seen yet: the
// least evidence over all ways to divide `null` into a part u that only spells have and the rest. Against the
// rest speak the counts. Against u speaks that no spell was met: calls in spells make up u / reach at least,
// where `reach` is the share of calls that a spell could push beyond the limit, and `spells` is how many
// spells would have had their turn, one after the other.
double log_evidence_unseen(double beyond, double within, double null, double spells, double reach);

class Verdict {
 public:
  // Throws OptionError for a question out of range.
  explicit Verdict(const Question& question);

  const Question& question() const noexcept { return question_; }
  // Looks at all samples taken so far, of which those of earlier looks must be the beginning. An answer once
  // given stays; later samples still count as evidence.
  Answer look(std::span<const double> samples);
  Answer answer() const noexcept { return answer_; }
  // How many samples had been taken when the answer was given.
  std::size_t settled_at() const noexcept { return settled_at_; }

  // Evidence of the samples so far, at the discount that they show.
  Evidence evidence(std::span<const double> samples) const;
  // Posterior probability that the limit is met (Jeffreys' prior, discounted counts).
  double probability(std::span<const double> samples) const;
  // How many samples are beyond the limit.
  std::size_t exceedances() const noexcept { return below_.front().beyond; }

 private:
  // Evidence is a weighted mean over levels, each of them valid by itself.
  struct Level {
    double threshold;  // the limit, a fraction of it, or a multiple
    double null;       // P(latency > threshold) at the edge of feasibility, at most
    double weight;
    double spell;  // calls that a spell lasts that matters here
    std::size_t beyond = 0;
  };
  using Levels = std::vector<Level>;
  Levels levels_below() const;
  Levels levels_above() const;
  Dependence seen_dependence(std::span<const double> samples) const;
  double log_feasible(double discount) const;
  double log_infeasible(double discount) const;
  // At most (by two standard errors) which share of calls is so near the limit that a spell could push them
  // beyond.
  double reach() const;
  double far_spell() const noexcept { return std::max(1.0, far_share * question_.spell); }
  double told_discount(const Dependence& by) const;
  bool contradicted(const Level& level) const;
  bool far_beyond(std::span<const double> samples) const;

  Question question_;
  Levels below_, above_;  // for either verdict; the limit comes first
  std::size_t seen_ = 0, near_ = 0;
  Answer answer_ = Answer::open;
  std::size_t settled_at_ = 0;
};

}  // namespace lehr::probe
