#include "lehr/search/guided/guided.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lehr {
namespace {

using guided::Candidates;
using guided::FailureModelOptions;
using guided::SurrogateOptions;
using guided::ValueOf;

FailureModelOptions failure_model_options(const GuidedOptions& options) {
  FailureModelOptions chosen;
  chosen.pairs = options.pairs;
  chosen.triples = options.triples;
  chosen.thresholds = options.thresholds;
  return chosen;
}

SurrogateOptions surrogate_options(const GuidedOptions& options) {
  SurrogateOptions chosen;
  chosen.process.mains = options.mains;
  chosen.process.whole = options.whole;
  chosen.logarithm = options.logarithm;
  chosen.censored = options.censored;
  return chosen;
}

SurrogateOptions limit_options(const GuidedOptions& options, Side side) {
  SurrogateOptions chosen = surrogate_options(options);
  chosen.mirrored = side == Side::lower;
  // What must not be too small, such as an accuracy, is not expected to grow.
  chosen.growth = options.growth && side == Side::upper;
  return chosen;
}

SurrogateOptions objective_options(const GuidedOptions& options) {
  SurrogateOptions chosen = surrogate_options(options);
  chosen.logarithm = false;
  chosen.unskew = options.unskew;
  chosen.process.trend = 0.3;
  return chosen;
}

constexpr double infinite = std::numeric_limits<double>::infinity();

}  // namespace

GuidedSearch::GuidedSearch(const Context& context)
    : context_(context),
      encoding_(context.space),
      failure_model_(encoding_.features(), failure_model_options(context.options.guided)),
      objective_(encoding_.features(), infinite, objective_options(context.options.guided)),
      cost_(encoding_.features(), infinite, surrogate_options(context.options.guided)),
      coverage_(encoding_.features()),
      tpe_(context),
      candidates_(context, encoding_) {
  for (const Constraint& constraint : context.options.constraints) {
    limits_.emplace_back(encoding_.features(), constraint.bound(),
                         limit_options(context.options.guided, constraint.side));
  }
}

void GuidedSearch::observe(std::size_t trial) {
  const History& history = context_.history;
  row_.clear();
  encoding_.append(history.codes(trial), row_);
  const Outcome outcome = history.outcome(trial);
  const bool stopped = outcome == Outcome::early_stopped || outcome == Outcome::timeout;
  bool ran = outcome == Outcome::ok;
  const std::span<const double> metrics = history.metrics(trial);
  for (std::size_t k = 0; k < limits_.size(); ++k) {
    if (std::isnan(metrics[k])) continue;
    const Constraint& constraint = context_.options.constraints[k];
    const double value = constraint.mirrored(metrics[k]);
    if (outcome == Outcome::ok) limits_[k].add(row_, value, false, history.metric_sem(trial, k));
    // Stopped beyond its limit: no failure that needs another reason.
    if (stopped && constraint.missed(metrics[k])) {
      limits_[k].add(row_, value, true);
      ran = true;
    }
  }
  if (outcome == Outcome::ok) objective_.add(row_, history.score(trial), false, history.objective_sem(trial));
  const double seconds = history.seconds(trial);
  if (seconds > 0.0) cost_.add(row_, seconds);
  ran_.push_back(ran ? 1 : 0);
  rows_.insert(rows_.end(), row_.begin(), row_.end());
  observe_run(row_, ran);
  coverage_.observe(row_, outcome == Outcome::ok);
}

// In so many variables a few dozen results do not fit the models: the densities of TPE lead once there is
// something to improve on.
bool GuidedSearch::too_wide() const {
  return encoding_.size() > context_.options.guided.widest && context_.history.best() &&
         context_.history.finished() >= context_.options.tpe.startup_trials;
}

std::optional<std::string> GuidedSearch::finished(Rng& rng) {
  const History& history = context_.history;
  constexpr std::size_t fewest = 8;
  if (encoding_.size() == 0 || history.pending() > 0 || history.finished() < fewest || !history.best())
    return std::nullopt;
  const Proposal next = propose(rng);
  if (next.origin != Origin::improvement) return std::nullopt;
  // What is not worth a risk may still be worth a trial: an end takes a third of that gain. The gain that
  // counts as nothing was added to every candidate's.
  constexpr double noticeable = 0.3;
  const double least = std::log(context_.options.guided.least_gain * objective_.scale());
  double best = -infinite;
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    const double above = std::expm1(log_expected_improvement_[i] - least);
    if (above > 0.0)
      best = std::max(best, log_probability_success_[i] + log_probability_feasible_[i] + std::log(above));
  }
  if (best > std::log(noticeable)) return std::nullopt;
  return "no configuration is expected to improve on trial " + std::to_string(*history.best()) +
         " by a noticeable part of what the objective spreads over";
}

void GuidedSearch::settle() {
  const History& history = context_.history;
  pending_rows_.clear();
  for (std::size_t trial = 0; trial < history.size() && history.pending() > 0; ++trial) {
    if (history.standing(trial) == Standing::pending) encoding_.append(history.codes(trial), pending_rows_);
  }
  failure_model_.settle();
  if (transferred_failure_model_) transferred_failure_model_->settle();
  if (context_.options.guided.cost_weight > 0.0) cost_.settle();
  const std::size_t rejected = update_transfer_weights();
  for (guided::TransferredSurrogate& limit : limits_) limit.settle(rejected);
  objective_.settle(rejected, pending_rows_);
  if (history.best()) incumbent_ = incumbent();
}

// What improves is better than this, on the objective's scale: the best result; where results are known to be
// uncertain, the best that the model believes of any of the first few, which need not be the luckiest.
double GuidedSearch::incumbent() {
  const History& history = context_.history;
  if (!history.noisy()) return objective_.to_scale(history.score(*history.best()));
  constexpr std::size_t few = 16;
  part_rows_.clear();
  const std::vector<std::size_t> elites = history.elites(few);
  for (const std::size_t trial : elites) {
    if (history.worth(trial) > -infinite) encoding_.append(history.codes(trial), part_rows_);
  }
  mean_.resize(part_rows_.size() / encoding_.size());
  variance_.resize(mean_.size());
  objective_.predict(part_rows_, mean_, variance_);
  return *std::max_element(mean_.begin(), mean_.end());
}

// Values that have had no fair trial, nor are about to.
bool GuidedSearch::find_wanted() {
  is_wanted_.assign(coverage_.values().size(), 0);
  for (std::size_t at = 0; at < is_wanted_.size(); ++at) is_wanted_[at] = coverage_.fair(at) == 0;
  const std::size_t width = encoding_.size();
  for (std::size_t at = 0; at < pending_rows_.size(); at += width) {
    coverage_.for_values({pending_rows_.data() + at, width},
                         [&](std::size_t value) { is_wanted_[value] = 0; });
  }
  return std::find(is_wanted_.begin(), is_wanted_.end(), 1) != is_wanted_.end();
}

void GuidedSearch::gather(Rng& rng) {
  const History& history = context_.history;
  const Space& space = context_.space;
  candidates_.clear();
  candidates_.draw(64, rng);
  std::vector<std::size_t> bases = history.elites(4);
  if (bases.empty()) {
    // The least violating result.
    for (const std::size_t trial : history.told()) {
      if (history.standing(trial) != Standing::infeasible) continue;
      if (bases.empty()) bases.push_back(trial);
      if (history.violation(trial) < history.violation(bases[0])) bases[0] = trial;
    }
  }
  for (const std::size_t trial : bases) {
    for (const double scale : {0.3, 0.1, 0.03}) candidates_.near(history.codes(trial), 8, scale, rng);
  }
  if (!covering_) return;
  std::size_t left = 8;
  for (std::size_t value = 0; value < is_wanted_.size(); ++value) {
    if (!is_wanted_[value]) continue;
    if (left-- == 0) break;
    const ValueOf& of = coverage_.values()[value];
    const std::size_t variable = encoding_.feature(of.feature).variable;
    for (const std::size_t trial : bases)
      candidates_.with(history.codes(trial), variable, static_cast<double>(of.choice), rng);
    for (int k = 0; k < 8; ++k)
      candidates_.with(space.sample(rng), variable, static_cast<double>(of.choice), rng);
  }
}

// Local search from the best few, with steps that shrink.
void GuidedSearch::climb(Rng& rng) {
  std::vector<std::size_t> order(candidates_.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const std::size_t kept = std::min(most_climbers, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(),
                    [this](std::size_t a, std::size_t b) {
                      return acquisition(a) != acquisition(b) ? acquisition(a) > acquisition(b) : a < b;
                    });
  order.resize(kept);
  for (const double scale : {0.15, 0.05, 0.02, 0.007}) {
    const std::size_t first = candidates_.size();
    std::vector<std::size_t> ends;
    for (const std::size_t i : order) {
      const Configuration from(candidates_.codes(i).begin(), candidates_.codes(i).end());
      candidates_.near(from, 12, scale, rng);
      ends.push_back(candidates_.size());
    }
    evaluate(first);
    std::size_t begin = first;
    for (std::size_t k = 0; k < order.size(); ++k) {
      for (std::size_t i = begin; i < ends[k]; ++i) {
        if (acquisition(i) > acquisition(order[k])) order[k] = i;
      }
      begin = ends[k];
    }
  }
}

Proposal GuidedSearch::proposal(std::size_t i, Origin origin) const {
  return {Configuration(candidates_.codes(i).begin(), candidates_.codes(i).end()), origin};
}

// Whether the next trial is for a value that had no fair one. Later on only every other trial is, so that
// a variable of many values leaves room for what is known to be good.
bool GuidedSearch::covers() {
  constexpr std::size_t all_of = 10;
  const History& history = context_.history;
  if (!context_.options.guided.coverage || !find_wanted()) return false;
  return !history.best() || history.size() < all_of || history.size() % 2 == 0;
}

// Whether a candidate is worth trying for the values it would cover. That a value failed once or twice is
// little evidence against it: the values with it may have been the reason.
bool GuidedSearch::deserves_trial(std::size_t i) const {
  const GuidedOptions& options = context_.options.guided;
  if (!anything_ran_) return true;
  if (acquisition(i) == -infinite) return false;  // covers none: they may all be ruled out
  std::size_t fewest = options.give_up_after;
  coverage_.for_values(candidates_.row(i), [&](std::size_t value) {
    if (is_wanted_[value]) fewest = std::min(fewest, coverage_.failed(value));
  });
  return log_probability_success_[i] + log_probability_feasible_[i] >
         std::log(fewest < options.give_up_after ? options.least_chance : options.give_up);
}

Proposal GuidedSearch::propose(Rng& rng) {
  if (encoding_.size() == 0) return {context_.evaluated.draw(rng), Origin::random};
  if (const std::optional<Proposal> known = transfer_proposal()) return *known;
  if (too_wide()) return tpe_.propose(rng);
  settle();
  anything_ran_ = std::find(ran_.begin(), ran_.end(), 1) != ran_.end();
  covering_ = covers();
  gather(rng);
  if (candidates_.size() == 0) return {context_.evaluated.draw(rng), Origin::random};
  evaluate(0);
  if (covering_) {
    if (context_.options.guided.refine) climb(rng);
    const std::size_t best = argmax();
    if (deserves_trial(best)) return proposal(best, Origin::coverage);
    // None of them is likely to get a fair trial with any other values: put off until more is known.
    covering_ = false;
    evaluate(0);
  }
  if (context_.options.guided.refine) climb(rng);
  return proposal(argmax(), context_.history.best() ? Origin::improvement : Origin::feasibility);
}

std::string GuidedSearch::stage() const {
  return context_.history.feasible() == 0 ? "feasibility" : "optimisation";
}

}  // namespace lehr
