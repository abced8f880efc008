#include "lehr/search/optimizer.hpp"

#include <algorithm>
#include <cmath>

#include "lehr/base/error.hpp"
#include "lehr/search/annealing.hpp"
#include "lehr/search/codes.hpp"
#include "lehr/search/guided/guided.hpp"
#include "lehr/search/hybrid.hpp"
#include "lehr/search/simple.hpp"
#include "lehr/search/tpe.hpp"

namespace lehr {
namespace {

std::unique_ptr<Searcher> make_searcher(const Context& context) {
  switch (context.options.method) {
    case Method::random:
      return std::make_unique<RandomSearch>(context);
    case Method::grid:
      return std::make_unique<GridSearch>(context);
    case Method::tba:
      return std::make_unique<Annealing>(context);
    case Method::tpe:
      return std::make_unique<TpeSearch>(context);
    case Method::tba_tpe:
      return std::make_unique<HybridSearch>(context);
    case Method::guided:
      return std::make_unique<GuidedSearch>(context);
  }
  throw OptionError("unknown method");
}

void check_sem(double sem, double value, const std::string& what) {
  if (std::isnan(sem)) return;
  if (!std::isfinite(sem) || sem < 0.0)
    throw ResultError("the standard error of " + what + " must be a finite number of at least 0");
  if (std::isnan(value)) throw ResultError(what + " has a standard error and no value");
}

}  // namespace

Optimizer::Optimizer(std::shared_ptr<const Space> space, Options options)
    : space_(std::move(space)), options_(std::move(options)) {
  validate(options_);
  history_ = std::make_unique<History>(*space_, options_);
  evaluated_ = std::make_unique<EvaluatedSet>(*space_, *history_, options_.allow_repeats);
  searcher_ = make_searcher({*space_, options_, *history_, *evaluated_});
  // A small study then allocates once, not at every doubling.
  constexpr std::size_t most_reserved = 64;
  const std::size_t expected = std::min(options_.budget, most_reserved);
  history_->reserve(expected);
  events_.reserve(2 * expected);
}

Optimizer::~Optimizer() = default;

std::size_t Optimizer::remember_ask(const Configuration& configuration, Origin origin) {
  const std::size_t trial = history_->ask(configuration, origin);
  evaluated_->add(trial);
  events_.push_back({trial, false});
  return trial;
}

std::size_t Optimizer::ask() {
  if (!queue_.empty()) {
    const std::size_t trial = remember_ask(queue_.front(), Origin::enqueued);
    queue_.pop_front();
    return trial;
  }
  Rng rng = rng_for(options_, history_->size(), Purpose::propose);
  const Proposal proposal = searcher_->propose(rng);
  return remember_ask(proposal.configuration, proposal.origin);
}

std::size_t Optimizer::replay_ask(const Configuration& configuration, Origin origin) {
  if (origin == Origin::enqueued) {
    const auto found = std::find_if(queue_.begin(), queue_.end(), [&](const Configuration& queued) {
      return same_codes(queued, configuration);
    });
    if (found != queue_.end()) queue_.erase(found);
  }
  return remember_ask(configuration, origin);
}

void Optimizer::check_asked(std::size_t trial) const {
  if (trial >= history_->size()) {
    throw ResultError("trial " + std::to_string(trial) + " is unknown; " +
                      (history_->size() == 0
                           ? std::string("nothing has been asked yet")
                           : "trials 0 to " + std::to_string(history_->size() - 1) + " were asked"));
  }
}

void Optimizer::check_pending(std::size_t trial) const {
  check_asked(trial);
  if (history_->standing(trial) != Standing::pending) {
    throw ResultError("trial " + std::to_string(trial) + " was told already (" +
                      text(history_->outcome(trial)) + "); a result can be told once");
  }
}

void Optimizer::check_result(std::size_t trial, const Result& result) const {
  if (result.outcome == Outcome::ok) {
    if (!std::isfinite(result.objective)) {
      throw ResultError("the objective of trial " + std::to_string(trial) +
                        " is NaN or infinite; tell a finite number, or outcome='crashed'");
    }
  } else if (!std::isnan(result.objective)) {
    throw ResultError("trial " + std::to_string(trial) + " has outcome '" + text(result.outcome) +
                      "' and an objective; only outcome 'ok' has one");
  }
  const std::vector<Constraint>& constraints = options_.constraints;
  if (result.metrics.size() != constraints.size() &&
      (result.outcome == Outcome::ok || !result.metrics.empty()))
    throw ResultError("the metrics must be one for each limit");
  check_sem(result.objective_sem, result.objective, "the objective");
  if (!result.metrics_sem.empty() && result.metrics_sem.size() != result.metrics.size())
    throw ResultError("the standard errors of the metrics must be one for each limit");
  for (std::size_t j = 0; j < result.metrics_sem.size(); ++j)
    check_sem(result.metrics_sem[j], result.metrics[j], "metric '" + constraints[j].metric + "'");
}

void Optimizer::tell(std::size_t trial, const Result& result) {
  check_pending(trial);
  check_result(trial, result);
  history_->tell(trial, result);
  events_.push_back({trial, true});
  searcher_->observe(trial);
}

std::size_t Optimizer::add(const Configuration& configuration, const Result& result) {
  check_result(history_->size(), result);
  const std::size_t trial = remember_ask(configuration, Origin::added);
  tell(trial, result);
  return trial;
}

void Optimizer::rule_out(std::size_t trial, std::vector<std::size_t> variables) {
  check_asked(trial);
  if (history_->standing(trial) == Standing::pending) {
    throw ResultError("trial " + std::to_string(trial) +
                      " is not told yet; what would end as it did is ruled out once it has ended");
  }
  std::sort(variables.begin(), variables.end());
  variables.erase(std::unique(variables.begin(), variables.end()), variables.end());
  if (variables.empty() || variables.back() >= space_->size())
    throw OptionError("name at least one variable of the space; without any, everything would be ruled out");
  evaluated_->rule_out(trial, variables);
  rules_.push_back({trial, std::move(variables)});
}

void Optimizer::learn(std::vector<PriorObservation> results) {
  auto* search = dynamic_cast<GuidedSearch*>(searcher_.get());
  if (search == nullptr) {
    throw OptionError(std::string("method '") + text(options_.method) +
                      "' does not learn from other searches; use method 'guided'");
  }
  if (history_->size() > 0) {
    throw OptionError("this search has " + std::to_string(history_->size()) +
                      " trials already; learn from others before the first ask");
  }
  for (const PriorObservation& prior : results) check_result(0, prior.result);
  learned_.insert(learned_.end(), results.begin(), results.end());
  search->learn(learned_);
}

std::optional<std::string> Optimizer::finished() const {
  if (!queue_.empty()) return std::nullopt;
  Rng rng = rng_for(options_, history_->size(), Purpose::propose);
  try {
    return searcher_->finished(rng);
  } catch (const ExhaustedError&) {
    return std::nullopt;  // that is for the next ask to say
  }
}

std::size_t Optimizer::recall(const Configuration& partial, const Result* result, bool settled) {
  if (result) check_result(history_->size(), *result);
  const std::size_t trial = history_->ask(partial, Origin::added);
  if (settled) evaluated_->add_partial(trial);
  events_.push_back({trial, false});
  if (result) tell(trial, *result);
  return trial;
}

Proposal Optimizer::propose(std::uint64_t seed, std::uint64_t stream) {
  const auto purpose = static_cast<std::uint64_t>(Purpose::propose);
  try {
    Rng rng(seed, stream, purpose);
    return searcher_->propose(rng);
  } catch (const ExhaustedError&) {
    Rng rng(seed, stream, purpose);
    if (options_.method == Method::grid) return {space_->sample(rng), Origin::random};
    const EvaluatedSet::Repeats allowed(*evaluated_);
    return searcher_->propose(rng);
  }
}

TpeSearch& Optimizer::tpe() const {
  if (auto* search = dynamic_cast<TpeSearch*>(searcher_.get())) return *search;
  if (auto* search = dynamic_cast<HybridSearch*>(searcher_.get())) return search->tpe();
  throw OptionError(std::string("method '") + text(options_.method) +
                    "' has no densities; use method 'tpe' or 'tba-tpe'");
}

Split Optimizer::split() { return tpe().split(); }

std::vector<double> Optimizer::score(const std::vector<Configuration>& configurations, Device device,
                                     gpu::Gpu* gpu) {
  return tpe().score(configurations, device, gpu);
}

void Optimizer::use(Device device, std::shared_ptr<gpu::Gpu> gpu) {
  if (options_.method == Method::tpe || options_.method == Method::tba_tpe) tpe().use(device, std::move(gpu));
}

std::optional<double> Optimizer::temperature() const {
  if (phase() != "tba") return std::nullopt;
  if (const auto* search = dynamic_cast<const Annealing*>(searcher_.get()))
    return search->temperature().value();
  return dynamic_cast<const HybridSearch&>(*searcher_).annealing().temperature().value();
}

std::string Optimizer::explain() const {
  const std::size_t finished = history_->finished();
  std::string words = "Phase " + phase();
  if (!stage().empty()) words += ", stage " + stage();
  words +=
      ": " + std::to_string(finished) + " trials told, " + std::to_string(history_->feasible()) + " feasible";
  if (history_->pending() > 0) words += ", " + std::to_string(history_->pending()) + " pending";
  words += ". " + searcher_->explain();
  for (const Rule& rule : rules_) {
    words += "\n- Ruled out, because trial " + std::to_string(rule.trial) + " settles it: ";
    for (const std::size_t i : rule.variables) {
      const Variable& variable = space_->variable(i);
      const double code = history_->codes(rule.trial)[i];
      if (i != rule.variables.front()) words += ", ";
      words += variable.name;
      words += '=';
      words += std::isnan(code) ? "inactive" : text(variable.decode(code));
    }
    words += ".";
  }
  if (!queue_.empty())
    words += "\n- " + std::to_string(queue_.size()) + " enqueued configurations come first.";
  return words;
}

}  // namespace lehr
