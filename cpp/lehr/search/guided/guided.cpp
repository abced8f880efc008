#include "lehr/search/guided/guided.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include "lehr/estimators/normal.hpp"
#include "lehr/search/guided/normal_tail.hpp"

namespace lehr {
namespace {

using guided::Candidates;
using guided::SurrogateOptions;
using guided::ValidityOptions;
using guided::ValueOf;

ValidityOptions validity_options(const GuidedOptions& options) {
  ValidityOptions chosen;
  chosen.pairs = options.pairs;
  chosen.thresholds = options.thresholds;
  return chosen;
}

SurrogateOptions surrogate_options(const GuidedOptions& options, bool logarithm) {
  SurrogateOptions chosen;
  chosen.process = {options.mains, options.whole};
  chosen.logarithm = options.logarithm && logarithm;
  chosen.censored = options.censored;
  chosen.unskew = options.unskew && !logarithm;
  return chosen;
}

constexpr double infinite = std::numeric_limits<double>::infinity();
constexpr std::size_t climbers = 3;  // candidates that local search starts from

}  // namespace

GuidedSearch::GuidedSearch(const Context& context)
    : context_(context),
      encoding_(context.space),
      validity_(encoding_.features(), validity_options(context.options.guided)),
      objective_(encoding_.features(), infinite, surrogate_options(context.options.guided, false)),
      cost_(encoding_.features(), infinite, surrogate_options(context.options.guided, true)),
      coverage_(encoding_.features()),
      candidates_(context, encoding_) {
  for (const Constraint& constraint : context.options.constraints) {
    limits_.emplace_back(encoding_.features(), constraint.limit,
                         surrogate_options(context.options.guided, true));
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
    if (outcome == Outcome::ok) limits_[k].add(row_, metrics[k]);
    // Stopped beyond its limit: no failure that needs another reason.
    if (stopped && metrics[k] > context_.options.constraints[k].limit) {
      limits_[k].add(row_, metrics[k], true);
      ran = true;
    }
  }
  if (outcome == Outcome::ok) objective_.add(row_, history.score(trial));
  validity_.observe(row_, ran);
  coverage_.observe(row_, outcome == Outcome::ok);
}

void GuidedSearch::settle() {
  const History& history = context_.history;
  pending_rows_.clear();
  for (std::size_t trial = 0; trial < history.size() && history.pending() > 0; ++trial) {
    if (history.standing(trial) == Standing::pending) encoding_.append(history.codes(trial), pending_rows_);
  }
  validity_.settle();
  for (guided::Surrogate& limit : limits_) limit.settle();
  objective_.settle(pending_rows_);
}

void GuidedSearch::judge(std::size_t first) {
  const GuidedOptions& options = context_.options.guided;
  log_runs_.resize(candidates_.size());
  for (std::vector<double>* part : {&log_fits_, &log_gain_}) {
    part->resize(first);
    part->resize(candidates_.size(), 0.0);
  }
  for (std::size_t i = first; i < candidates_.size(); ++i) {
    log_runs_[i] =
        options.validity ? std::log(std::max(validity_.probability(candidates_.row(i)), 1e-12)) : 0.0;
  }
  if (!covering_) judge_gain(first);
  judge_fits(first);
}

// Expected improvement on the best feasible result, as a logarithm.
void GuidedSearch::judge_gain(std::size_t first) {
  const std::optional<std::size_t> best = context_.history.best();
  if (!best || objective_.observations() == 0) return;
  const std::size_t count = candidates_.size() - first;
  const std::size_t width = encoding_.size();
  mean_.resize(count);
  variance_.resize(count);
  objective_.predict({candidates_.rows().data() + first * width, count * width}, mean_, variance_);
  const double score = objective_.to_scale(context_.history.score(*best));
  // Gains below a part of the spread count as nothing worth a risk: where nothing is left to gain, the safest
  // configuration comes next.
  const double least = std::log(context_.options.guided.least_gain * objective_.process().scale());
  for (std::size_t i = 0; i < count; ++i) {
    const double gain = guided::log_expected_improvement(mean_[i], std::sqrt(variance_[i]), score);
    log_gain_[first + i] =
        gain > least ? gain + std::log1p(std::exp(least - gain)) : least + std::log1p(std::exp(gain - least));
  }
}

// The probability of meeting the limits, as a logarithm; at most 0, so that only candidates that could still
// be among the best few need it. The others count as hopeless.
void GuidedSearch::judge_fits(std::size_t first) {
  if (!context_.options.guided.limits) return;
  const std::size_t width = encoding_.size();
  order_.clear();
  for (std::size_t i = first; i < candidates_.size(); ++i) order_.emplace_back(acquisition(i), i);
  std::sort(order_.begin(), order_.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  constexpr std::size_t part = 16;
  std::array<double, climbers> best;
  best.fill(-infinite);
  std::array<double, part> mean{}, variance{};
  for (std::size_t from = 0; from < order_.size(); from += part) {
    const std::size_t count = std::min(part, order_.size() - from);
    if (order_[from].first <= best.back()) {
      for (std::size_t k = from; k < order_.size(); ++k) log_fits_[order_[k].second] = -infinite;
      break;
    }
    part_rows_.clear();
    for (std::size_t k = 0; k < count; ++k) {
      const std::span<const double> row = candidates_.row(order_[from + k].second);
      part_rows_.insert(part_rows_.end(), row.begin(), row.end());
    }
    for (std::size_t l = 0; l < limits_.size(); ++l) {
      const guided::Surrogate& model = limits_[l];
      if (model.observations() == 0) continue;
      model.predict({part_rows_.data(), count * width}, {mean.data(), count}, {variance.data(), count});
      const double limit = model.to_scale(context_.options.constraints[l].limit);
      for (std::size_t k = 0; k < count; ++k)
        log_fits_[order_[from + k].second] +=
            log_ndtr((limit - mean[k]) / std::sqrt(variance[k] + model.noise_variance()));
    }
    for (std::size_t k = 0; k < count; ++k) {
      const double reached = acquisition(order_[from + k].second);
      if (!(reached > best.back())) continue;
      best.back() = reached;
      std::sort(best.begin(), best.end(), std::greater<>());
    }
  }
}

// What a candidate is worth, as a logarithm. While values are wanted: how likely it is to be a fair trial of
// one of them, or of several.
double GuidedSearch::acquisition(std::size_t i) const {
  const double feasible = log_runs_[i] + log_fits_[i];
  if (!covering_) return feasible + log_gain_[i];
  std::size_t count = 0;
  coverage_.for_values(candidates_.row(i), [&](std::size_t value) { count += is_wanted_[value]; });
  return count == 0 ? -infinite : feasible + 0.5 * std::log(static_cast<double>(count));
}

std::size_t GuidedSearch::argmax() const {
  std::size_t best = 0;
  for (std::size_t i = 1; i < candidates_.size(); ++i) {
    if (acquisition(i) > acquisition(best)) best = i;
  }
  return best;
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
  const std::size_t kept = std::min(climbers, order.size());
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
    judge(first);
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

Proposal GuidedSearch::propose(Rng& rng) {
  if (encoding_.size() == 0) return {context_.seen.draw(rng), Origin::random};
  settle();
  covering_ = context_.options.guided.coverage && find_wanted();
  gather(rng);
  if (candidates_.size() == 0) return {context_.seen.draw(rng), Origin::random};
  judge(0);
  if (covering_) {
    if (context_.options.guided.refine) climb(rng);
    const std::size_t best = argmax();
    if (acquisition(best) > std::log(context_.options.guided.give_up))
      return proposal(best, Origin::coverage);
    // No company is likely to give any of them a fair trial: put off until more is known.
    covering_ = false;
    judge(0);
  }
  if (context_.options.guided.refine) climb(rng);
  return proposal(argmax(), context_.history.best() ? Origin::improvement : Origin::feasibility);
}

std::string GuidedSearch::stage() const {
  return context_.history.feasible() == 0 ? "feasibility" : "optimisation";
}

std::string GuidedSearch::explain() const {
  std::string words;
  for (const guided::Validity::Cause& cause : validity_.causes(0.2)) words += sentence(cause);
  return words;
}

std::string GuidedSearch::sentence(const guided::Validity::Cause& cause) const {
  std::string words = "\n- ";
  for (std::size_t v = 0; v < cause.values; ++v) {
    const Variable& variable = context_.space.variable(encoding_.feature(cause.feature[v]).variable);
    words += (v == 0 ? "" : " with ") + variable.name + "=" +
             text(variable.decode(static_cast<double>(cause.choice[v])));
  }
  if (cause.stretch) {
    const Variable& variable = context_.space.variable(encoding_.feature(cause.numeric).variable);
    words += (cause.values == 0 ? "" : " with ") + variable.name +
             (cause.above ? " above about " : " below about ") +
             text(variable.decode(variable.from_unit(cause.threshold)));
  }
  return words + ": crashes (" + std::to_string(cause.failed) + " of " + std::to_string(cause.tried) +
         ", p " + std::to_string(cause.probability) + ")";
}

}  // namespace lehr
