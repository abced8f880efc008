#include "lehr/search/tpe.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "lehr/base/error.hpp"

namespace lehr {
namespace {

constexpr std::size_t npos = static_cast<std::size_t>(-1);

// Candidates kept in memory at a time.
constexpr std::size_t part = std::size_t{1} << 18;

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
    : context_(context), column_(context.space.size(), npos), only_(context.space.size(), 0.0) {
  if (constrained()) ratios_.emplace(context.history, context.options);
  for (std::size_t i = 0; i < context.space.size(); ++i) {
    const Variable& variable = context.space.variable(i);
    conditional_.push_back(variable.when.always() ? 0 : 1);
    only_[i] = variable.discrete() ? variable.code(0) : variable.low;
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
    for (std::size_t trial = ratios_->rows(); trial < history.size(); ++trial) {
      const std::span<const double> values = row(trial);
      rows_.insert(rows_.end(), values.begin(), values.end());
    }
    ratios_->update(dimensions_, rows_);
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

bool TpeSearch::score_on_gpu(std::size_t count, Device device, gpu::Gpu* gpu) {
  if (device == Device::cpu || gpu == nullptr) return false;
  const std::size_t kernels = below_.kernels() + above_.kernels();
  if (device == Device::automatic && !gpu->worth(below_, count, kernels)) return false;
  // The growing density is laid out for this processor: the GPU gets one fitted afresh, the same but for
  // rounding.
  rows_.clear();
  std::size_t rows = 0;
  for (std::size_t trial = 0; trial < above_.slots(); ++trial) {
    if (!above_.counts(trial)) continue;
    const std::span<const double> values = row(trial);
    rows_.insert(rows_.end(), values.begin(), values.end());
    ++rows;
  }
  ParzenEstimator above;
  above.fit(dimensions_, rows_, rows, context_.options.tpe.prior_weight);
  try {
    gpu->score(below_, &above, points_, count, log_below_);
    return true;
  } catch (const DeviceError&) {
    if (device == Device::cuda) throw;
    return false;
  }
}

void TpeSearch::score_points(std::size_t count, Device device, gpu::Gpu* gpu) {
  log_below_.resize(count);
  if (constrained()) {
    if (device == Device::cuda) {
      throw DeviceError("acquisition 'c-tpe' is not scored on a GPU; use device='cpu' or 'auto'");
    }
    ratios_->log_ratios(points_, count, log_below_);
    return;
  }
  if (score_on_gpu(count, device, gpu)) return;
  log_above_.resize(count);
  below_.log_pdf(points_, count, log_below_);
  above_.log_pdf(points_, count, log_above_);
  for (std::size_t i = 0; i < count; ++i) log_below_[i] -= log_above_[i];
}

void TpeSearch::use(Device device, std::shared_ptr<gpu::Gpu> gpu) {
  device_ = device;
  gpu_ = std::move(gpu);
}

void TpeSearch::clear_candidates() {
  points_.clear();
  candidates_.clear();
  best_.clear();
}

void TpeSearch::weigh_candidates() {
  const std::size_t width = context_.space.size();
  const std::size_t count = candidates_.size() / width;
  if (count == 0) return;
  score_points(count, device_, gpu_.get());
  for (std::size_t i = 0; i < count; ++i) {
    if (!best_.empty() && !(log_below_[i] > best_score_)) continue;
    const auto first = candidates_.begin() + static_cast<std::ptrdiff_t>(i * width);
    best_.assign(first, first + static_cast<std::ptrdiff_t>(width));
    best_score_ = log_below_[i];
  }
  points_.clear();
  candidates_.clear();
}

// A configuration from what was drawn for every dimension: variables in order, so that what is active follows
// from what was drawn before. Returns whether it is legal.
bool TpeSearch::assemble(const double* drawn, std::span<double> codes) const {
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (conditional_[i] != 0 && !context_.space.active(i, codes)) {
      codes[i] = std::numeric_limits<double>::quiet_NaN();
    } else {
      codes[i] = column_[i] == npos ? only_[i] : drawn[column_[i]];
    }
  }
  return !context_.space.is_forbidden(codes);
}

Proposal TpeSearch::propose(Rng& rng) {
  const TpeOptions& options = context_.options.tpe;
  if (context_.history.finished() < options.startup_trials)
    return {context_.evaluated.draw(rng), Origin::random};
  if (variables_.empty()) return {context_.evaluated.draw(rng), Origin::random};
  if (context_.history.ran() == 0 && !options.failures_below) {
    return propose_away(rng, [](const Configuration&) { return true; });
  }
  fit();
  clear_candidates();
  bool any = false;
  if (constrained()) {
    for (std::size_t pair = 0; pair < ratios_->count(); ++pair) {
      any = draw_candidates(ratios_->below(pair), rng) || any;
    }
  } else {
    any = draw_candidates(below_, rng);
  }
  if (!any) return {context_.evaluated.draw(rng), Origin::random};
  weigh_candidates();
  return {best_, Origin::tpe};
}

// What is forbidden or known is drawn again, within bounds. Returns whether anything was left.
bool TpeSearch::draw_candidates(const ParzenEstimator& below, Rng& rng) {
  const std::size_t wanted = context_.options.tpe.candidates;
  const std::size_t most = 16 * wanted;
  const std::size_t width = context_.space.size();
  const std::size_t dimensions = variables_.size();
  drawn_.resize(most_lanes * dimensions);
  std::size_t count = 0;
  for (std::size_t draws = 0; count < wanted && draws < most;) {
    // To draw again more than is missing costs little, whole blocks being drawn in any case, and saves
    // rounds.
    const std::size_t left = wanted - count;
    const std::size_t n = std::min({most_lanes, draws == 0 ? left : whole_blocks(2 * left), most - draws});
    below.sample(rng, n, drawn_);
    draws += n;
    for (std::size_t i = 0; i < n && count < wanted; ++i) {
      const std::size_t begin = candidates_.size();
      candidates_.resize(begin + width);
      const std::span<double> codes = std::span<double>(candidates_).subspan(begin);
      if (!assemble(drawn_.data() + i * dimensions, codes) || context_.evaluated.contains(codes)) {
        candidates_.resize(begin);
        continue;
      }
      for (const std::size_t variable : variables_) points_.push_back(codes[variable]);
      if (++count % part == 0) weigh_candidates();
    }
  }
  return count > 0;
}

Proposal TpeSearch::propose_away(Rng& rng, const std::function<bool(const Configuration&)>& allowed) {
  // 'Below' is empty, so its density is the prior's; a draw from the prior with the largest ratio is one that
  // the failures make least likely.
  fit();
  clear_candidates();
  for (std::size_t i = 1; i <= context_.options.tpe.candidates; ++i) {
    append(context_.evaluated.draw(rng, allowed));
    if (i % part == 0) weigh_candidates();
  }
  weigh_candidates();
  return {best_, Origin::away};
}

Split TpeSearch::split() {
  if (!constrained()) return lehr::split(context_.history, context_.options.tpe);
  fit();
  return ratios_->sides(0);
}

std::vector<double> TpeSearch::score(const std::vector<Configuration>& configurations, Device device,
                                     gpu::Gpu* gpu) {
  fit();
  points_.clear();
  candidates_.clear();
  for (const Configuration& configuration : configurations) append(configuration);
  score_points(configurations.size(), device, gpu);
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
