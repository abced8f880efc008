#include "lehr/search/hybrid.hpp"

#include <algorithm>
#include <cmath>

namespace lehr {

HybridSearch::HybridSearch(const Context& context) : context_(context), annealing_(context), tpe_(context) {
  for (const Variable& variable : context.space.variables()) {
    values_.emplace_back(variable.kind == Kind::categorical ? variable.choices.size() : 0, false);
  }
}

HandoffState HybridSearch::state() const {
  const History& history = context_.history;
  HandoffState state{history.finished(), history.feasible(), history.finished() - history.feasible(), {}};
  for (std::size_t i = 0; i < values_.size(); ++i) {
    if (values_[i].empty()) continue;
    const auto seen = static_cast<std::size_t>(std::count(values_[i].begin(), values_[i].end(), true));
    state.diversity.push_back({context_.space.variable(i).name, seen, values_[i].size()});
    // The paper watches one variable, the model family: the space's first categorical one.
    if (!context_.options.handoff_feasible_values) break;
  }
  return state;
}

void HybridSearch::observe(std::size_t trial) {
  if (handed_over_) return;
  annealing_.observe(trial);
  const History& history = context_.history;
  const std::span<const double> codes = history.codes(trial);
  if (history.standing(trial) == Standing::feasible || !context_.options.handoff_feasible_values) {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (!values_[i].empty() && !std::isnan(codes[i])) values_[i][static_cast<std::size_t>(codes[i])] = true;
    }
  }
  if (ready(context_.options.handoff, state())) {
    handed_over_ = true;
    handed_over_at_ = history.finished();
  }
}

Proposal HybridSearch::propose(Rng& rng) {
  return handed_over_ ? tpe_.propose(rng) : annealing_.propose(rng);
}

std::string HybridSearch::explain() const {
  if (handed_over_) {
    return tpe_.explain() + "\n- The annealing handed over after " + std::to_string(handed_over_at_) +
           " trials.";
  }
  std::string words = annealing_.explain() + "\n- The handoff to TPE waits for ";
  const std::vector<std::string> waiting = waiting_for(context_.options.handoff, state());
  for (std::size_t i = 0; i < waiting.size(); ++i)
    words += (i == 0 ? "" : i + 1 == waiting.size() ? " and " : ", ") + waiting[i];
  return words + "; it comes at the latest after " + std::to_string(context_.options.handoff.latest) +
         " trials.";
}

}  // namespace lehr
