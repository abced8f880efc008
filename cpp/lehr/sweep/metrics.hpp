// What a study achieved by a given number of trials. Missing values are NaN, and stay missing: a study that
// found nothing feasible has no best, no regret and no family, and is counted, never averaged in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lehr/problems/problem.hpp"
#include "lehr/sweep/study.hpp"

namespace lehr {

// What studies on a problem are measured against; worked out once per problem.
struct Reference {
  double objective = missing;  // of the optimum; NaN when nothing is feasible
  double sign = 1.0;           // 1 to maximise, -1 to minimise
  std::vector<double> families;
  bool has_family = false;

  // sign * (optimum - objective): 0 at the optimum, positive elsewhere.
  double regret(double objective_of_truth) const {
    return sign * (objective - objective_of_truth) + 0.0;
  }  // never -0.0
};

Reference reference(const Problem& problem);  // asks for the optimum, which may take a while

struct StudyMetrics {
  std::size_t trials = 0;       // finished; below the budget when the space was exhausted
  std::size_t feasible = 0;     // of them, as measured
  double best = missing;        // the best feasible objective, as measured; the first found among equals
  double best_true = missing;   // what its configuration is worth without noise; NaN when it does not run
  double regret = missing;      // simple regret of the truth; NaN without a winner or for a false one
  bool false_winner = false;    // the winner met the limits by luck: its truth does not
  double wasted = missing;      // share of trials that were not feasible
  double wasted_seconds = 0.0;  // spent on them
  double seconds = 0.0;
  double first_feasible_trial = missing;    // counted from 1
  double first_feasible_seconds = missing;  // spent until it had ended, it included
  double discovered = missing;    // 1 when the winner's family is one of the optimum's; NaN without families
  double near_optimum = missing;  // 1 within 0.5 % of |optimum|; 0 without a true winner
  double family = missing;        // code of the winner's family
};

constexpr double near_share = 0.005;

// By the first `count` trials of the trace.
StudyMetrics measure(const Reference& reference, const StudyTrace& trace, std::size_t count);

// A trial as the winner of its study.
struct Verdict {
  double regret = missing;
  bool false_winner = false;
  double discovered = missing;
  double near_optimum = missing;
};
Verdict judge(const Reference& reference, const StudyTrace& trace, std::size_t winner);

// One change of the best of a study: what curves over trials are made of, besides `feasible`.
struct Step {
  std::size_t study = 0;  // within its cell, from 0
  std::size_t trial = 0;
  double best = missing;
  double regret = missing;  // NaN while the best is a false winner
  double discovered = missing;
};
// Appends those of one study, by trial.
void append_steps(const Reference& reference, const StudyTrace& trace, std::size_t study,
                  std::vector<Step>& steps);

}  // namespace lehr
