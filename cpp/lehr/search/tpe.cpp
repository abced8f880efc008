#include "lehr/search/tpe.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lehr {
namespace {

constexpr std::size_t npos = static_cast<std::size_t>(-1);

Dimension dimension(const Variable& variable) {
  switch (variable.kind) {
    case Kind::categorical:
      return {variable.choices.size()};
    case Kind::ordinal:
      return {0, 0.0, static_cast<double>(variable.choices.size() - 1), false, 1.0};
    default: {
      // The last value the step reaches, as Optuna adjusts it.
      const double high = variable.discrete() ? variable.code(variable.cardinality() - 1) : variable.high;
      return {0, variable.low, high, variable.log, variable.step};
    }
  }
}

}  // namespace

TpeSearch::TpeSearch(const Context& context)
    : context_(context), column_(context.space.size(), npos), ratios_(context.history, context.options) {
  for (std::size_t i = 0; i < context.space.size(); ++i) {
    const Variable& variable = context.space.variable(i);
    const bool single = variable.discrete() ? variable.cardinality() == 1 : variable.low == variable.high;
    if (single) continue;
    column_[i] = variables_.size();
    variables_.push_back(i);
    dimensions_.push_back(dimension(variable));
  }
}

std::span<const double> TpeSearch::row(std::size_t trial) {
  const std::span<const double> codes = context_.history.codes(trial);
  row_.clear();
  for (const std::size_t variable : variables_) row_.push_back(codes[variable]);
  return row_;
}

// Brings both densities up to date with the history. 'Below' has few members and is fitted anew when they
// change; 'above' moves the few trials that are new or change sides.
void TpeSearch::fit() {
  const History& history = context_.history;
  if (constrained()) {
    rows_.clear();
    for (std::size_t trial = ratios_.rows(); trial < history.size(); ++trial) {
      const std::span<const double> values = row(trial);
      rows_.insert(rows_.end(), values.begin(), values.end());
    }
    ratios_.update(dimensions_, rows_);
    return;
  }
  below_set_.update(history, context_.options.tpe);
  const std::vector<std::size_t>& below = below_set_.trials();
  const double prior = context_.options.tpe.prior_weight;
  if (!fitted_) above_.begin(dimensions_, prior);
  for (std::size_t trial = above_.slots(); trial < history.size(); ++trial) above_.append(row(trial), true);
  if (!fitted_ || below != fitted_below_) {
    for (const std::size_t trial : fitted_below_) above_.set_counts(trial, true);
    for (const std::size_t trial : below) above_.set_counts(trial, false);
    rows_.clear();
    for (const std::size_t trial : below) {
      const std::span<const double> values = row(trial);
      rows_.insert(rows_.end(), values.begin(), values.end());
    }
    below_.fit(dimensions_, rows_, below.size(), prior);
    fitted_below_ = below;
    fitted_ = true;
  }
  above_.settle();
}

void TpeSearch::append(const Configuration& configuration) {
  candidates_.insert(candidates_.end(), configuration.begin(), configuration.end());
  for (const std::size_t variable : variables_) points_.push_back(configuration[variable]);
}

void TpeSearch::score_points(std::size_t count) {
  log_below_.resize(count);
  if (constrained()) {
    ratios_.log_ratios(points_, count, log_below_);
    return;
  }
  log_above_.resize(count);
  below_.log_pdf(points_, count, log_below_);
  above_.log_pdf(points_, count, log_above_);
  for (std::size_t i = 0; i < count; ++i) log_below_[i] -= log_above_[i];
}

Proposal TpeSearch::best_of_points(std::size_t count, Origin origin) {
  score_points(count);
  std::size_t best = 0;
  for (std::size_t i = 1; i < count; ++i) {
    if (log_below_[i] > log_below_[best]) best = i;
  }
  const std::size_t width = context_.space.size();
  const auto first = candidates_.begin() + static_cast<std::ptrdiff_t>(best * width);
  return {{first, first + static_cast<std::ptrdiff_t>(width)}, origin};
}

// One kernel of the mixture gives every variable, in order, so that what is active follows from what was
// drawn.
bool TpeSearch::sample(const ParzenEstimator& below, Configuration& configuration, Rng& rng) const {
  const std::size_t kernel = below.sample_kernel(rng);
  for (std::size_t i = 0; i < configuration.size(); ++i) {
    if (!context_.space.active(i, configuration)) {
      configuration[i] = std::numeric_limits<double>::quiet_NaN();
    } else if (column_[i] == npos) {
      configuration[i] = context_.space.sample_variable(i, rng);
    } else {
      configuration[i] = below.sample_dimension(kernel, column_[i], rng);
    }
  }
  return !context_.space.is_forbidden(configuration);
}

Proposal TpeSearch::propose(Rng& rng) {
  const TpeOptions& options = context_.options.tpe;
  if (context_.history.finished() < options.startup_trials) return {context_.seen.draw(rng), Origin::random};
  if (variables_.empty()) return {context_.seen.draw(rng), Origin::random};
  if (context_.history.ran() == 0 && !options.failures_below) {
    return propose_away(rng, [](const Configuration&) { return true; });
  }
  fit();
  points_.clear();
  candidates_.clear();
  if (constrained()) {
    for (std::size_t pair = 0; pair < ratios_.count(); ++pair) draw_candidates(ratios_.below(pair), rng);
  } else {
    draw_candidates(below_, rng);
  }
  if (candidates_.empty()) return {context_.seen.draw(rng), Origin::random};
  return best_of_points(candidates_.size() / context_.space.size(), Origin::tpe);
}

// What is forbidden or known is drawn again, within bounds.
void TpeSearch::draw_candidates(const ParzenEstimator& below, Rng& rng) {
  const std::size_t wanted = context_.options.tpe.candidates;
  drawn_.resize(context_.space.size());
  std::size_t count = 0;
  for (std::size_t draws = 0; count < wanted && draws < 16 * wanted; ++draws) {
    if (!sample(below, drawn_, rng) || context_.seen.contains(drawn_)) continue;
    append(drawn_);
    ++count;
  }
}

Proposal TpeSearch::propose_away(Rng& rng, const std::function<bool(const Configuration&)>& allowed) {
  // 'Below' is empty, so its density is the prior's; a draw from the prior with the largest ratio is one that
  // the failures make least likely.
  fit();
  points_.clear();
  candidates_.clear();
  const std::size_t count = context_.options.tpe.candidates;
  for (std::size_t i = 0; i < count; ++i) append(context_.seen.draw(rng, allowed));
  return best_of_points(count, Origin::away);
}

Split TpeSearch::split() {
  if (!constrained()) return lehr::split(context_.history, context_.options.tpe);
  fit();
  return ratios_.sides(0);
}

std::vector<double> TpeSearch::score(const std::vector<Configuration>& configurations) {
  fit();
  points_.clear();
  candidates_.clear();
  for (const Configuration& configuration : configurations) append(configuration);
  score_points(configurations.size());
  return log_below_;
}

std::string TpeSearch::stage() const {
  return context_.history.finished() < context_.options.tpe.startup_trials ? "initial" : "optimisation";
}

std::string TpeSearch::explain() const {
  const std::size_t startup = context_.options.tpe.startup_trials;
  const std::size_t finished = context_.history.finished();
  if (finished < startup) {
    return "Drawing " + std::to_string(startup) + " random configurations before the densities are used (" +
           std::to_string(finished) + " told so far).";
  }
  if (context_.history.ran() == 0 && !context_.options.tpe.failures_below) {
    return "Nothing has run so far: looking away from the configurations that failed.";
  }
  if (constrained()) {
    return "Drawing " + std::to_string(context_.options.tpe.candidates) +
           " candidates each from what is good for the objective, for every limit and for running at all, "
           "and "
           "proposing the one with the largest product of ratios (c-TPE).";
  }
  const Split parts = lehr::split(context_.history, context_.options.tpe);
  return "Drawing " + std::to_string(context_.options.tpe.candidates) +
         " candidates from the density of the best " + std::to_string(parts.below.size()) +
         " results and proposing the one that is most typical of them against the other " +
         std::to_string(parts.above.size()) + ".";
}

}  // namespace lehr
