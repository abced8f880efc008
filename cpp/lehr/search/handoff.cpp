#include "lehr/search/handoff.hpp"

#include <algorithm>

namespace lehr {
namespace {

std::string progress(std::size_t wanted, const char* what, std::size_t so_far) {
  return std::to_string(wanted) + " " + what + " (" + std::to_string(so_far) + " so far)";
}

}  // namespace

std::vector<std::string> waiting_for(const HandoffOptions& options, const HandoffState& state) {
  std::vector<std::string> missing;
  if (state.trials >= options.latest) return missing;
  if (state.trials < options.min_trials)
    missing.push_back(progress(options.min_trials, "results", state.trials));
  if (state.feasible < options.min_feasible) {
    missing.push_back(progress(options.min_feasible, "feasible results", state.feasible));
  }
  if (state.bad < options.min_bad) {
    missing.push_back(progress(options.min_bad, "results that are not feasible", state.bad));
  }
  for (const Diversity& diversity : state.diversity) {
    const std::size_t wanted = std::min(options.min_values, diversity.choices);
    if (diversity.seen < wanted) {
      missing.push_back(progress(wanted, ("values of " + diversity.variable).c_str(), diversity.seen));
    }
  }
  return missing;
}

bool ready(const HandoffOptions& options, const HandoffState& state) {
  return waiting_for(options, state).empty();
}

}  // namespace lehr
