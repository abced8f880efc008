// One study: a search over a problem from the first ask to the end of its budget, as columns.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lehr/problems/problem.hpp"
#include "lehr/search/options.hpp"

namespace lehr {

// What is known of a trial's truth. It is asked where a trial became the best so far, and elsewhere only on
// request.
enum class TruthState : std::uint8_t { not_asked, feasible, infeasible };

// What a study records beyond what its metrics need.
struct TraceDetail {
  bool codes = false;   // the configurations
  bool truths = false;  // the truth of every trial
  bool phases = false;  // which phase proposed a trial
};

// One entry per finished trial in every column, in the order of the trials.
struct StudyTrace {
  std::vector<Outcome> outcomes;
  std::vector<std::uint8_t> feasible;  // as measured
  std::vector<double> objectives;      // as measured; NaN unless the outcome was ok
  std::vector<double> truths;          // objective of the truth; NaN where not asked or where it does not run
  std::vector<TruthState> truth_states;
  std::vector<double> seconds;
  std::vector<double> families;  // code of the family variable; NaN without one
  std::vector<Origin> origins;
  std::vector<double> codes;  // row-major; empty unless recorded
  std::vector<std::pair<std::size_t, std::string>>
      phases;              // first trial of each phase; empty unless recorded
  bool exhausted = false;  // nothing was left to propose before the budget was spent

  std::size_t size() const { return outcomes.size(); }
  void clear();
};

// Runs `options.budget` trials as lehr.Optimizer would: ask, evaluate under Draw{options.seed, times this
// study evaluated the configuration before}, tell. Replaces what was in `trace`. With `cancelled` set the
// study ends after the trial that is running, and its trace is of no use. Throws what Optimizer throws, but
// an exhausted space ends the study early.
void run_study(const Problem& problem, const Options& options, TraceDetail detail, StudyTrace& trace,
               const std::atomic<bool>* cancelled = nullptr);

}  // namespace lehr
