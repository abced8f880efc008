#include "lehr/sweep/study.hpp"

#include <bit>
#include <cmath>
#include <unordered_map>

#include "lehr/base/error.hpp"
#include "lehr/search/optimizer.hpp"

namespace lehr {
namespace {

// Counts evaluations of equal configurations. Used only where a search may repeat itself.
class Repeats {
 public:
  std::uint64_t before(std::span<const double> codes) {
    key_.clear();
    for (const double code : codes) {
      // All NaNs are one value, and so are 0 and -0.
      const auto bits = std::isnan(code) ? ~std::uint64_t{0} : std::bit_cast<std::uint64_t>(code + 0.0);
      for (int shift = 0; shift < 64; shift += 8) key_.push_back(static_cast<char>(bits >> shift & 0xff));
    }
    return counts_[key_]++;
  }

 private:
  std::string key_;
  std::unordered_map<std::string, std::uint64_t> counts_;
};

void record_truth(const Problem& problem, std::span<const double> codes, StudyTrace& trace) {
  const Evaluation truth = problem.truth(codes);
  trace.truths.back() = truth.result.objective;
  trace.truth_states.back() = problem.feasible(truth.result) ? TruthState::feasible : TruthState::infeasible;
}

}  // namespace

void StudyTrace::clear() {
  outcomes.clear();
  feasible.clear();
  objectives.clear();
  truths.clear();
  truth_states.clear();
  seconds.clear();
  families.clear();
  origins.clear();
  codes.clear();
  phases.clear();
  exhausted = false;
}

void run_study(const Problem& problem, const Options& options, TraceDetail detail, StudyTrace& trace,
               const std::atomic<bool>* cancelled) {
  trace.clear();
  Optimizer optimizer(problem.space(), options);
  Repeats repeats;
  bool found = false;
  double best = missing;
  for (std::size_t number = 0; number < options.budget; ++number) {
    if (cancelled && cancelled->load(std::memory_order_relaxed)) return;
    if (detail.phases) {
      std::string phase = optimizer.phase();
      if (trace.phases.empty() || trace.phases.back().second != phase)
        trace.phases.emplace_back(number, std::move(phase));
    }
    std::size_t trial = 0;
    try {
      trial = optimizer.ask();
    } catch (const ExhaustedError&) {
      trace.exhausted = true;
      return;
    }
    const std::span<const double> codes = optimizer.history().codes(trial);
    const Draw draw{options.seed, options.allow_repeats ? repeats.before(codes) : 0};
    const Evaluation evaluation = problem.evaluate(codes, draw);
    Result result = evaluation.result;
    result.seconds = evaluation.seconds;
    const bool feasible = problem.feasible(result);
    trace.outcomes.push_back(result.outcome);
    trace.feasible.push_back(feasible ? 1 : 0);
    trace.objectives.push_back(result.objective);
    trace.seconds.push_back(evaluation.seconds);
    trace.families.push_back(problem.family() ? codes[*problem.family()] : missing);
    trace.origins.push_back(optimizer.history().origin(trial));
    if (detail.codes) trace.codes.insert(trace.codes.end(), codes.begin(), codes.end());
    trace.truths.push_back(missing);
    trace.truth_states.push_back(TruthState::not_asked);
    const bool improves = feasible && (!found || problem.gain(result.objective, best) > 0.0);
    if (improves) {
      found = true;
      best = result.objective;
    }
    if (improves || detail.truths) record_truth(problem, codes, trace);
    optimizer.tell(trial, result);
  }
}

}  // namespace lehr
