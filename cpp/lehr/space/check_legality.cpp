#include <limits>

#include "lehr/space/check.hpp"
#include "lehr/space/complete.hpp"

namespace lehr {
namespace {

constexpr std::size_t kMostEdges = 300'000;
constexpr std::size_t kMostAttempts = 1'000'000;
constexpr std::size_t kMostExplained = 64;

// Forbidden combinations that together leave nothing, none of which could be dropped: removed one by one
// while the rest still leaves nothing.
std::vector<std::size_t> guilty(const Rules& rules) {
  std::vector<std::size_t> kept;
  for (std::size_t f = 0; f < rules.forbidden.size(); ++f) kept.push_back(f);
  if (kept.size() > kMostExplained) return kept;
  for (std::size_t f = 0; f < rules.forbidden.size(); ++f) {
    Rules fewer{rules.when, {}, rules.cells, {}};
    for (const std::size_t k : kept) {
      if (k != f) fewer.forbidden.push_back(rules.forbidden[k]);
    }
    const std::optional<Diagram> diagram = Diagram::build(fewer, true, kMostEdges);
    if (diagram && !diagram->satisfiable()) std::erase(kept, f);
  }
  return kept;
}

std::string no_configuration(const std::vector<Condition>& forbidden, const Rules& rules) {
  const std::vector<std::size_t> culprits = guilty(rules);
  if (culprits.size() == 1) {
    return "This space has no legal configuration: the forbidden combination (" +
           text(forbidden[culprits.front()]) + ") always holds; remove or narrow it.";
  }
  std::string result = "This space has no legal configuration: ";
  if (culprits.size() > kMostExplained) {
    return result + "its " + std::to_string(culprits.size()) +
           " forbidden combinations rule out every one; remove or narrow one of them.";
  }
  result += "the forbidden combinations ";
  for (std::size_t k = 0; k < culprits.size(); ++k) {
    result += (k ? ", (" : "(") + text(forbidden[culprits[k]]) + ")";
  }
  return result + " together rule out every one; remove or narrow one of them.";
}

}  // namespace

std::vector<std::string> legality_mistakes(const std::vector<Variable>& variables,
                                           const std::vector<Condition>& forbidden, Compiled& compiled) {
  const Rules& rules = compiled.rules;
  compiled.diagram = Diagram::build(rules, true, kMostEdges);
  const bool decided = compiled.diagram.has_value();
  const bool satisfiable = !decided || compiled.diagram->satisfiable();
  const auto reachable = [&](std::size_t i) { return !decided || compiled.diagram->can_be_active(i); };

  std::vector<std::string> mistakes;
  bool all_reachable = satisfiable && decided;
  for (std::size_t i = 0; i < variables.size(); ++i) all_reachable = all_reachable && reachable(i);
  if (all_reachable) return mistakes;

  const std::optional<Diagram> unrestricted = Diagram::build(rules, false, kMostEdges);
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (unrestricted && !unrestricted->can_be_active(i)) {
      mistakes.push_back(variables[i].name + ": it can never be active, since its condition (" +
                         text(variables[i].when) +
                         ") never holds; correct the condition or drop the variable.");
    } else if (satisfiable && !reachable(i)) {
      mistakes.push_back(variables[i].name +
                         ": it can never be active, since forbidden combinations rule out every" +
                         " configuration in which its condition (" + text(variables[i].when) +
                         ") holds; narrow them or drop the variable.");
    }
  }
  if (!satisfiable) mistakes.push_back(no_configuration(forbidden, rules));
  if (decided || !mistakes.empty()) return mistakes;

  // Too large for a diagram: one legal configuration is proof enough that there is some.
  Rng rng(0);
  std::size_t budget = kMostAttempts;
  const Configuration open(variables.size(), std::numeric_limits<double>::quiet_NaN());
  std::optional<Configuration> witness = complete(variables, rules, open, {}, rng, budget);
  if (witness) {
    compiled.witness = std::move(*witness);
  } else if (budget > 0) {
    mistakes.push_back(
        "This space has no legal configuration: its forbidden combinations rule out every one; remove or "
        "narrow one "
        "of them.");
  } else {
    mistakes.push_back(
        "No legal configuration was found in " + std::to_string(kMostAttempts) +
        " attempts: the forbidden combinations leave too little; remove or narrow some of them.");
  }
  return mistakes;
}

}  // namespace lehr
