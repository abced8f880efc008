#include "lehr/search/annealing.hpp"

#include <cmath>
#include <cstdio>

#include "lehr/search/violation.hpp"
#include "lehr/space/neighbours.hpp"

namespace lehr {

Annealing::Annealing(const Context& context)
    : context_(context),
      temperature_(context.options.annealing.temperature),
      blacklist_(context.space, context.options.blacklist) {}

double Annealing::horizon(std::size_t n) const {
  return context_.options.annealing.doubling_horizon ? doubling_horizon(n)
                                                     : static_cast<double>(context_.options.budget);
}

// The walk starts from the best feasible result, else the least violating one that ran, else from nowhere.
void Annealing::start() {
  const History& history = context_.history;
  started_ = true;
  current_ = history.best();
  if (current_) {
    stage_ = Stage::optimisation;
    temperature_.enter_optimisation();
    return;
  }
  for (const std::size_t trial : history.told()) {
    if (history.standing(trial) != Standing::infeasible) continue;
    if (!current_ || history.violation(trial) < history.violation(*current_)) current_ = trial;
  }
}

void Annealing::observe(std::size_t trial) {
  const History& history = context_.history;
  blacklist_.observe(history.codes(trial), history.standing(trial) == Standing::feasible);
  if (!started_) {
    if (history.finished() >= context_.options.annealing.initial_trials) start();
    return;
  }
  if (stage_ == Stage::feasibility) {
    observe_feasibility(trial);
  } else {
    observe_optimisation(trial);
  }
}

void Annealing::observe_feasibility(std::size_t trial) {
  const History& history = context_.history;
  const Options& options = context_.options;
  switch (history.standing(trial)) {
    case Standing::feasible:
      stage_ = Stage::optimisation;
      current_ = trial;
      temperature_.enter_optimisation();
      return;
    case Standing::infeasible: {
      const double proposed = history.violation(trial);
      const double reached =
          current_ ? history.violation(*current_) : std::numeric_limits<double>::infinity();
      const double unit = violation_unit(options.constraints, options.violation_scale);
      const double probability =
          accept_violation(reached, proposed, temperature_.value(), unit, options.annealing.accept_equal);
      if (rng_for(options, trial, Purpose::accept).uniform() < probability) current_ = trial;
      if (proposed < reached) {
        temperature_.improved(stage_);
      } else {
        temperature_.not_improved();
      }
      return;
    }
    default:
      temperature_.not_improved();
  }
}

void Annealing::observe_optimisation(std::size_t trial) {
  const History& history = context_.history;
  const Options& options = context_.options;
  const bool feasible = history.standing(trial) == Standing::feasible;
  if (!feasible) {
    temperature_.not_improved();
    return;
  }
  const double reached = history.score(*current_);
  const double proposed = history.score(trial);
  const double unit = score_unit(history.lowest_score(), history.highest_score());
  const double probability =
      accept_score(reached, proposed, feasible, temperature_.value(), unit, options.annealing.accept_equal);
  const bool accepted = rng_for(options, trial, Purpose::accept).uniform() < probability;
  if (accepted) current_ = trial;
  if (proposed > reached) {
    temperature_.improved(stage_);
    return;
  }
  temperature_.not_improved();
  if (accepted && proposed < reached) {
    const auto n = history.finished();
    const double back =
        snap_back_probability(static_cast<double>(n), horizon(n), options.annealing.snap_back);
    if (rng_for(options, trial, Purpose::snap_back).uniform() < back) current_ = history.best();
  }
}

Proposal Annealing::draw(Rng& rng, Origin origin) {
  return {context_.evaluated.draw(rng, [this](const Configuration& c) { return blacklist_.allows(c); }),
          origin};
}

std::optional<Proposal> Annealing::move(const Configuration& from, Rng& rng, Origin origin) {
  const AnnealingOptions& annealing = context_.options.annealing;
  const std::size_t n = context_.history.size();
  const double structural =
      structural_probability(static_cast<double>(n), static_cast<double>(annealing.initial_trials),
                             horizon(n), annealing.adaptive_structural);
  const Mask mask = [this](std::size_t variable, double code) { return blacklist_.masked(variable, code); };
  const double scale = annealing.step_scale * temperature_.value();
  // A move may lead to what was tried before or to a masked pair: draw again a few times, with the steps
  // growing so that a walk in a finished neighbourhood gets out of it.
  for (int attempt = 0; attempt < 32; ++attempt) {
    const bool change = rng.uniform() < structural;
    const double reach = scale * static_cast<double>(1 + attempt / 4);
    std::optional<Configuration> next;
    bool structural_made = change;
    if (change) {
      next = structural_move(context_.space, from, mask, rng);
    } else {
      next = numeric_move(context_.space, from, reach, annealing.own_scale, mask, rng);
    }
    if (!next) {  // no such variable is active: the other kind of move
      structural_made = !change;
      next = change ? numeric_move(context_.space, from, reach, annealing.own_scale, mask, rng)
                    : structural_move(context_.space, from, mask, rng);
    }
    if (!next) return std::nullopt;
    if (context_.evaluated.contains(*next) || blacklist_.pair_masked(*next)) continue;
    const Origin kind = structural_made ? Origin::structural : Origin::numeric;
    return Proposal{std::move(*next), origin == Origin::elite ? origin : kind};
  }
  return std::nullopt;
}

Proposal Annealing::propose(Rng& rng) {
  const History& history = context_.history;
  const AnnealingOptions& annealing = context_.options.annealing;
  const std::size_t n = history.size();
  if (!started_) return draw(rng, Origin::initial);
  if (!current_) {
    if (!annealing.avoid_crashes) return draw(rng, Origin::random);
    if (!away_) away_ = std::make_unique<TpeSearch>(context_);
    return away_->propose_away(rng, [this](const Configuration& c) { return blacklist_.allows(c); });
  }
  const EliteRestart restart{annealing.elite_period, annealing.elite_until};
  if (restart.due(n, horizon(n))) {
    const std::vector<std::size_t> elites = history.elites(3);
    if (elites.size() > 1) {
      const std::size_t chosen = elites[1 + rng.below(elites.size() - 1)];
      if (auto proposal = move(history.configuration(chosen), rng, Origin::elite)) return *proposal;
    }
  }
  if (auto proposal = move(history.configuration(*current_), rng, Origin::structural)) return *proposal;
  return draw(rng, Origin::random);
}

std::string Annealing::stage() const {
  if (!started_) return "initial";
  return stage_ == Stage::feasibility ? "feasibility" : "optimisation";
}

std::string Annealing::explain_blacklist() const {
  std::string sentences;
  for (const Blacklist::Entry& entry : blacklist_.entries()) {
    const auto named = [this](std::size_t variable, std::size_t value) {
      return context_.space.variable(variable).name + "=" +
             lehr::text(context_.space.variable(variable).choices[value]);
    };
    std::string what = named(entry.variable, entry.value);
    if (entry.pair) what += " with " + named(entry.other_variable, entry.other_value);
    sentences += "\n- " + what + " is blacklisted: " + std::to_string(entry.failures) +
                 " failures in a row; it returns once " + std::to_string(entry.until) +
                 " trials have finished (" + std::to_string(entry.until - context_.history.finished()) +
                 " more), or at its first feasible result.";
  }
  return sentences.empty() ? "\n- Nothing is blacklisted." : sentences;
}

std::string Annealing::explain() const {
  const AnnealingOptions& annealing = context_.options.annealing;
  char line[256];
  std::string words;
  if (!started_) {
    std::snprintf(line, sizeof line, "Drawing %zu random configurations to start from (%zu told so far).",
                  annealing.initial_trials, context_.history.finished());
    words = line;
  } else if (stage_ == Stage::feasibility) {
    words = current_ ? "Looking for a first feasible result, by ever smaller violations."
                     : "Nothing has run so far: looking away from the configurations that failed.";
  } else {
    words = "Improving the feasible results found.";
  }
  const std::size_t n = context_.history.size();
  std::snprintf(
      line, sizeof line,
      "\n- Temperature %.3g; %d of %d results without improvement before it is raised. Structural moves with "
      "probability %.2f.",
      temperature_.value(), temperature_.unimproved(), annealing.temperature.patience,
      structural_probability(static_cast<double>(n), static_cast<double>(annealing.initial_trials),
                             horizon(n), annealing.adaptive_structural));
  words += line;
  if (current_) words += "\n- The walk stands at trial " + std::to_string(*current_) + ".";
  return words + explain_blacklist();
}

}  // namespace lehr
