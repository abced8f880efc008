// What the guided search makes of another search's results.
#include <algorithm>
#include <cmath>

#include "lehr/search/estimate.hpp"
#include "lehr/search/guided/guided.hpp"

namespace lehr {
namespace {

constexpr std::size_t most_transfers = 2;
// How much a trial elsewhere counts even if the other search speaks of the same causes: devices differ.
constexpr double hearsay_weight = 0.9;
// Odds that it does. Where nothing ran, all may have failed for a reason outside the space.
constexpr double odds_after_success = 4.0;
constexpr double odds_after_none = 0.5;

}  // namespace

void GuidedSearch::learn(const std::vector<Hearsay>& results) {
  const Options& options = context_.options;
  const double sign = options.direction == Direction::maximize ? 1.0 : -1.0;
  const std::size_t width = encoding_.size();
  std::vector<double> rows, scores;
  std::vector<double> sems;
  std::vector<std::vector<double>> limit_rows(limits_.size()), limit_values(limits_.size()),
      limit_sems(limits_.size());
  std::vector<Estimate> feasible_scores;
  informed_.reset();
  transfers_.clear();
  transfer_rows_.clear();
  learned_ = results.size();
  if (results.empty()) return;
  informed_.emplace(validity_);
  for (const Hearsay& hearsay : results) {
    row_.clear();
    encoding_.append(hearsay.configuration, row_);
    const Result& result = hearsay.result;
    const bool ran = result.outcome == Outcome::ok;
    informed_->observe(row_, ran, hearsay_weight);
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
    transfers_.emplace_back(0.0, hearsay.configuration);
  }
  const std::vector<double> worth = shrunk(feasible_scores);
  for (std::size_t i = 0; i < worth.size(); ++i) transfers_[i].first = worth[i];
  std::stable_sort(transfers_.begin(), transfers_.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (std::size_t i = 0; i < std::min(most_transfers, transfers_.size()); ++i)
    encoding_.append(transfers_[i].second, transfer_rows_);
  trust_ = guided::Trust(scores.empty() ? odds_after_none : odds_after_success);
  if (width == 0) return;
  informed_->conclude();
  for (std::size_t k = 0; k < limits_.size(); ++k)
    limits_[k].learn(limit_rows[k], limit_values[k], limit_sems[k]);
  objective_.learn(rows, scores, sems);
}

// Whether a trial ran, and whether that was foretold better with the other search's word.
void GuidedSearch::observe_run(std::span<const double> row, bool ran) {
  if (!informed_) return validity_.observe(row, ran);
  validity_.settle();
  informed_->settle();
  double told = informed_->probability(row);
  // What ran there runs here, whatever else the failures there are put down to.
  for (std::size_t at = 0; at < transfer_rows_.size(); at += row.size()) {
    if (std::equal(row.begin(), row.end(), transfer_rows_.begin() + static_cast<std::ptrdiff_t>(at),
                   [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }))
      told = std::max(told, 0.95);
  }
  const auto likelihood = [&](double probability) {
    const double p = std::clamp(probability, 0.02, 0.98);
    return ran ? p : 1.0 - p;
  };
  trust_.weigh(std::log(likelihood(told) / likelihood(validity_.probability(row))));
  validity_.observe(row, ran);
  informed_->observe(row, ran);
  const bool last = validity_.observations() >= guided::Trust::probation;
  if (last && trust_.holds()) {
    validity_ = std::move(*informed_);
    validity_learned_ = true;
    informed_.reset();
  } else if (last || trust_.lost()) {
    informed_.reset();
  }
}

double GuidedSearch::runs(std::span<const double> row) const {
  const double own = validity_.probability(row);
  if (!informed_ || !trust_.holds()) return own;
  const double trust = trust_.probability();
  return trust * informed_->probability(row) + (1.0 - trust) * own;
}

std::size_t GuidedSearch::weigh_hearsay() {
  std::size_t doubts = learned_ > 0 && trust_.lost() ? 1 : 0;
  for (guided::Quantity& limit : limits_) {
    limit.weigh();
    doubts += limit.lost() ? 1 : 0;
  }
  objective_.weigh();
  return doubts + (objective_.lost() ? 1 : 0);
}

// The first trials of a search that learned from another are the other's best results, until one is feasible
// here: two at most, and only one where it shed doubt on the other's word.
std::optional<Proposal> GuidedSearch::transfer() {
  const History& history = context_.history;
  if (transfers_.empty() || history.feasible() > 0 || history.size() >= most_transfers) return std::nullopt;
  bool doubted = trust_.fell();
  weigh_hearsay();
  for (const guided::Quantity& limit : limits_) doubted = doubted || limit.doubted();
  if (doubted) return std::nullopt;
  for (const auto& [score, configuration] : transfers_) {
    if (!context_.seen.contains(configuration)) return Proposal{configuration, Origin::transfer};
  }
  return std::nullopt;
}

}  // namespace lehr
