// When the annealing hands its history to TPE (Eq. 14).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace lehr {

struct HandoffOptions {
  std::size_t min_trials = 5;
  std::size_t min_feasible = 5;
  std::size_t min_bad = 3;
  std::size_t min_values =
      3;  // distinct values of each categorical variable watched (all of them if it has fewer)
  std::size_t latest = 15;  // hand over at this many trials in any case
};

// What a categorical variable has shown so far.
struct Diversity {
  std::string variable;
  std::size_t seen = 0;     // distinct values that count
  std::size_t choices = 0;  // values it has
};

struct HandoffState {
  std::size_t trials = 0;
  std::size_t feasible = 0;
  std::size_t bad = 0;  // finished, not feasible
  std::vector<Diversity> diversity;
};

bool ready(const HandoffOptions& options, const HandoffState& state);
// What is still missing, a phrase each; empty when ready.
std::vector<std::string> waiting_for(const HandoffOptions& options, const HandoffState& state);

}  // namespace lehr
