// All trials of a search, in columns: what was asked, what was told, and in which order.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "lehr/search/options.hpp"
#include "lehr/search/result.hpp"
#include "lehr/search/worth.hpp"
#include "lehr/space/space.hpp"

namespace lehr {

// How results are ordered: feasible before infeasible before what never ran.
enum class Standing : std::uint8_t { pending, feasible, infeasible, failed };

class History {
 public:
  History(const Space& space, const Options& options);

  std::size_t size() const { return origins_.size(); }
  std::size_t finished() const { return told_.size(); }
  std::size_t pending() const { return size() - finished(); }
  std::size_t feasible() const { return feasible_; }
  std::size_t ran() const { return ran_; }  // finished trials that produced measurements

  std::span<const double> codes(std::size_t trial) const { return {codes_.data() + trial * width_, width_}; }
  Configuration configuration(std::size_t trial) const;
  Origin origin(std::size_t trial) const { return origins_[trial]; }
  Standing standing(std::size_t trial) const { return standings_[trial]; }
  Outcome outcome(std::size_t trial) const { return outcomes_[trial]; }
  // Objective in the user's own sign; NaN unless the outcome was ok.
  double objective(std::size_t trial) const { return objectives_[trial]; }
  // The objective to be maximised, whatever the direction; NaN unless the outcome was ok.
  double score(std::size_t trial) const { return sign_ * objectives_[trial]; }
  double violation(std::size_t trial) const { return violations_[trial]; }
  double seconds(std::size_t trial) const { return seconds_[trial]; }  // NaN unless told
  std::span<const double> metrics(std::size_t trial) const {
    return {metrics_.data() + trial * constraints_, constraints_};
  }
  // Standard errors; NaN unless told.
  double objective_sem(std::size_t trial) const { return noisy_ ? objective_sems_[trial] : missing; }
  double metric_sem(std::size_t trial, std::size_t constraint) const {
    return noisy_ ? metric_sems_[trial * constraints_ + constraint] : missing;
  }
  // Whether any was told.
  bool noisy() const { return noisy_; }
  // What is compared between feasible trials: their scores; where standard errors were told, what their
  // configurations are worth (worth.hpp).
  double worth(std::size_t trial) const { return noisy_ ? reckoned().of(trial) : score(trial); }
  // Trial numbers in the order they were told.
  const std::vector<std::size_t>& told() const { return told_; }
  // The feasible trial that is worth most, the first one found among equals.
  std::optional<std::size_t> best() const { return noisy_ ? reckoned().best() : best_; }
  // Best first, the first found among equals; at most `count`.
  std::vector<std::size_t> elites(std::size_t count) const;
  double lowest_score() const { return lowest_score_; }  // over feasible trials
  double highest_score() const { return highest_score_; }

  // Room for so many trials.
  void reserve(std::size_t trials);
  std::size_t ask(const Configuration& configuration, Origin origin);
  // `result` has been checked.
  void tell(std::size_t trial, const Result& result);

 private:
  void tell_sems(std::size_t trial, const Result& result);
  const Worth& reckoned() const {
    worth_.update(*this, *options_);
    return worth_;
  }

  std::size_t width_;
  std::size_t constraints_;
  double sign_;
  Options const* options_;
  std::vector<double> codes_;
  std::vector<Origin> origins_;
  std::vector<Standing> standings_;
  std::vector<Outcome> outcomes_;
  std::vector<double> objectives_;
  std::vector<double> violations_;
  std::vector<double> metrics_;
  std::vector<double> seconds_;
  // Empty until one is told.
  std::vector<double> objective_sems_, metric_sems_;
  bool noisy_ = false;
  mutable Worth worth_;
  std::vector<std::size_t> told_;
  std::optional<std::size_t> best_;
  std::size_t feasible_ = 0;
  std::size_t ran_ = 0;
  double lowest_score_ = 0.0;
  double highest_score_ = 0.0;
};

}  // namespace lehr
