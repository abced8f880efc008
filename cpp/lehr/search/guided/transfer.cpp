// Transfer: what the guided search makes of another search's results.
#include <algorithm>
#include <cmath>

#include "lehr/search/estimate.hpp"
#include "lehr/search/guided/guided.hpp"

namespace lehr {
namespace {

constexpr std::size_t most_transfers = 2;
// How much a failure elsewhere counts, even if the causes are the same there: devices differ.
constexpr double prior_observation_weight = 0.9;
// Prior odds that they are the same. Where nothing ran, all may have failed for a reason outside the space.
constexpr double odds_after_success = 4.0;
constexpr double odds_after_none = 0.5;

}  // namespace

void GuidedSearch::learn(const std::vector<PriorObservation>& results) {
  const Options& options = context_.options;
  const double sign = options.direction == Direction::maximize ? 1.0 : -1.0;
  const std::size_t width = encoding_.size();
  std::vector<double> rows, scores;
  std::vector<double> sems;
  std::vector<std::vector<double>> limit_rows(limits_.size()), limit_values(limits_.size()),
      limit_sems(limits_.size());
  std::vector<Estimate> feasible_scores;
  transferred_failure_model_.reset();
  transfers_.clear();
  transfer_rows_.clear();
  learned_ = results.size();
  if (results.empty()) return;
  transferred_failure_model_.emplace(failure_model_);
  for (const PriorObservation& prior : results) {
    row_.clear();
    encoding_.append(prior.configuration, row_);
    const Result& result = prior.result;
    const bool ran = result.outcome == Outcome::ok;
    transferred_failure_model_->observe(row_, ran, prior_observation_weight);
    if (!ran) continue;
    bool feasible = true;
    for (std::size_t k = 0; k < limits_.size(); ++k) {
      if (std::isnan(result.metrics[k])) continue;
      limit_rows[k].insert(limit_rows[k].end(), row_.begin(), row_.end());
      limit_values[k].push_back(options.constraints[k].mirrored(result.metrics[k]));
      limit_sems[k].push_back(result.metrics_sem.empty() ? missing : result.metrics_sem[k]);
      feasible = feasible && options.constraints[k].met(result.metrics[k]);
    }
    rows.insert(rows.end(), row_.begin(), row_.end());
    scores.push_back(sign * result.objective);
    sems.push_back(result.objective_sem);
    if (!feasible) continue;
    feasible_scores.push_back(measured(scores.back(), sems.back()));
    transfers_.emplace_back(0.0, prior.configuration);
  }
  const std::vector<double> worth = shrunk(feasible_scores);
  for (std::size_t i = 0; i < worth.size(); ++i) transfers_[i].first = worth[i];
  std::stable_sort(transfers_.begin(), transfers_.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (std::size_t i = 0; i < std::min(most_transfers, transfers_.size()); ++i)
    encoding_.append(transfers_[i].second, transfer_rows_);
  transfer_weight_ = guided::TransferWeight(scores.empty() ? odds_after_none : odds_after_success);
  if (width == 0) return;
  transferred_failure_model_->conclude();
  for (std::size_t k = 0; k < limits_.size(); ++k)
    limits_[k].learn(limit_rows[k], limit_values[k], limit_sems[k]);
  objective_.learn(rows, scores, sems);
}

// Updates the failure models by whether a trial ran, and the transfer weight by which of them predicted it
// better.
void GuidedSearch::observe_run(std::span<const double> row, bool ran) {
  if (!transferred_failure_model_) return failure_model_.observe(row, ran);
  failure_model_.settle();
  transferred_failure_model_->settle();
  double transferred = transferred_failure_model_->probability(row);
  // What ran there runs here, whatever else the failures there are put down to.
  for (std::size_t at = 0; at < transfer_rows_.size(); at += row.size()) {
    if (std::equal(row.begin(), row.end(), transfer_rows_.begin() + static_cast<std::ptrdiff_t>(at),
                   [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }))
      transferred = std::max(transferred, 0.95);
  }
  const auto likelihood = [&](double probability) {
    const double p = std::clamp(probability, 0.02, 0.98);
    return ran ? p : 1.0 - p;
  };
  transfer_weight_.update(std::log(likelihood(transferred) / likelihood(failure_model_.probability(row))));
  failure_model_.observe(row, ran);
  transferred_failure_model_->observe(row, ran);
  const bool last = failure_model_.observations() >= guided::TransferWeight::probation;
  if (last && transfer_weight_.holds()) {
    failure_model_ = std::move(*transferred_failure_model_);
    failures_transferred_ = true;
    transferred_failure_model_.reset();
  } else if (last || transfer_weight_.rejected()) {
    transferred_failure_model_.reset();
  }
}

double GuidedSearch::probability_success(std::span<const double> row) const {
  const double own = failure_model_.probability(row);
  if (!transferred_failure_model_ || !transfer_weight_.holds()) return own;
  const double weight = transfer_weight_.probability();
  return weight * transferred_failure_model_->probability(row) + (1.0 - weight) * own;
}

std::size_t GuidedSearch::update_transfer_weights() {
  std::size_t rejected = learned_ > 0 && transfer_weight_.rejected() ? 1 : 0;
  for (guided::TransferredSurrogate& limit : limits_) {
    limit.update_transfer_weight();
    rejected += limit.rejected() ? 1 : 0;
  }
  objective_.update_transfer_weight();
  return rejected + (objective_.rejected() ? 1 : 0);
}

// The first trials of a search that learned from another are the other's best results, until one is feasible
// here: two at most, and only one where a transferred model predicted it worse than ours.
std::optional<Proposal> GuidedSearch::transfer_proposal() {
  const History& history = context_.history;
  if (transfers_.empty() || history.feasible() > 0 || history.size() >= most_transfers) return std::nullopt;
  bool worse = transfer_weight_.fell();
  update_transfer_weights();
  for (const guided::TransferredSurrogate& limit : limits_) worse = worse || limit.predicted_worse();
  if (worse) return std::nullopt;
  for (const auto& [score, configuration] : transfers_) {
    if (!context_.evaluated.contains(configuration)) return Proposal{configuration, Origin::transfer};
  }
  return std::nullopt;
}

}  // namespace lehr
