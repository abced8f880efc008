#include "lehr/sweep/metrics.hpp"

#include <algorithm>
#include <cmath>

namespace lehr {
namespace {

bool improves(const Reference& reference, const StudyTrace& trace, std::size_t trial, double best) {
  return trace.feasible[trial] != 0 &&
         (std::isnan(best) || reference.sign * (trace.objectives[trial] - best) > 0.0);
}

}  // namespace

Reference reference(const Problem& problem) {
  const Optimum optimum = problem.optimum();
  return {optimum.configuration.empty() ? missing : optimum.objective,
          problem.direction() == Direction::maximize ? 1.0 : -1.0, optimum.families,
          problem.family().has_value()};
}

StudyMetrics measure(const Reference& reference, const StudyTrace& trace, std::size_t count) {
  StudyMetrics metrics;
  metrics.trials = std::min(count, trace.size());
  std::size_t winner = 0;
  for (std::size_t trial = 0; trial < metrics.trials; ++trial) {
    metrics.seconds += trace.seconds[trial];
    if (trace.feasible[trial] == 0) {
      metrics.wasted_seconds += trace.seconds[trial];
      continue;
    }
    if (metrics.feasible++ == 0) {
      metrics.first_feasible_trial = static_cast<double>(trial + 1);
      metrics.first_feasible_seconds = metrics.seconds;
    }
    if (improves(reference, trace, trial, metrics.best)) {
      metrics.best = trace.objectives[trial];
      winner = trial;
    }
  }
  if (metrics.trials > 0) {
    metrics.wasted =
        static_cast<double>(metrics.trials - metrics.feasible) / static_cast<double>(metrics.trials);
  }
  if (!std::isnan(reference.objective)) {
    metrics.near_optimum = 0.0;
    if (reference.has_family) metrics.discovered = 0.0;
  }
  if (metrics.feasible == 0) return metrics;
  const Verdict verdict = judge(reference, trace, winner);
  metrics.best_true = trace.truths[winner];
  metrics.family = trace.families[winner];
  metrics.regret = verdict.regret;
  metrics.false_winner = verdict.false_winner;
  metrics.discovered = verdict.discovered;
  metrics.near_optimum = verdict.near_optimum;
  return metrics;
}

Verdict judge(const Reference& reference, const StudyTrace& trace, std::size_t winner) {
  Verdict verdict;
  verdict.false_winner = trace.truth_states[winner] == TruthState::infeasible;
  if (std::isnan(reference.objective)) return verdict;
  if (!verdict.false_winner) verdict.regret = reference.regret(trace.truths[winner]);
  verdict.near_optimum = std::abs(verdict.regret) <= near_share * std::abs(reference.objective) ? 1.0 : 0.0;
  if (reference.has_family) {
    const auto& families = reference.families;
    const bool found = std::find(families.begin(), families.end(), trace.families[winner]) != families.end();
    verdict.discovered = found ? 1.0 : 0.0;
  }
  return verdict;
}

void append_steps(const Reference& reference, const StudyTrace& trace, std::size_t study,
                  std::vector<Step>& steps) {
  double best = missing;
  for (std::size_t trial = 0; trial < trace.size(); ++trial) {
    if (!improves(reference, trace, trial, best)) continue;
    best = trace.objectives[trial];
    const Verdict verdict = judge(reference, trace, trial);
    steps.push_back({study, trial, best, verdict.regret, verdict.discovered});
  }
}

}  // namespace lehr
