// The guided search: feasible first, by models of why trials fail and of what the limits measure, then
// better.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lehr/search/guided/candidates.hpp"
#include "lehr/search/guided/coverage.hpp"
#include "lehr/search/guided/encoding.hpp"
#include "lehr/search/guided/failure_model.hpp"
#include "lehr/search/guided/surrogate.hpp"
#include "lehr/search/guided/transfer_weight.hpp"
#include "lehr/search/guided/transferred_surrogate.hpp"
#include "lehr/search/searcher.hpp"
#include "lehr/search/tpe.hpp"

namespace lehr {

class GuidedSearch final : public Searcher {
 public:
  explicit GuidedSearch(const Context& context);

  Proposal propose(Rng& rng) override;
  void observe(std::size_t trial) override;
  std::string phase() const override { return "guided"; }
  std::optional<std::string> finished(Rng& rng) override;
  std::string stage() const override;
  // All that was learned so far; before the first trial.
  void learn(const std::vector<PriorObservation>& results);
  std::string explain() const override;

 private:
  // The acquisition function and its parts, of the candidates from `first` on.
  void evaluate(std::size_t first);
  void evaluate_improvement(std::size_t first);
  void evaluate_feasibility(std::size_t first);
  double acquisition(std::size_t i) const;
  void settle();
  double incumbent();
  void gather(Rng& rng);
  void climb(Rng& rng);
  bool find_wanted();
  bool within(const guided::FailureModel::Cause& cause, std::span<const double> row) const;
  std::string ending(const guided::FailureModel::Cause& cause) const;
  bool covers();
  bool deserves_trial(std::size_t i) const;
  double crowd(std::span<const double> row) const;
  std::string sentence(const guided::FailureModel& model, const guided::FailureModel::Cause& cause) const;
  std::string waiting(const std::vector<guided::FailureModel::Cause>& causes) const;
  std::string missed() const;
  std::size_t argmax() const;
  Proposal proposal(std::size_t i, Origin origin) const;
  // That a configuration runs, by the failure model here and the transferred one, mixed by its weight.
  double probability_success(std::span<const double> row) const;
  void observe_run(std::span<const double> row, bool ran);
  // Brings the transfer weights of all models up to date; how many of the models were rejected.
  std::size_t update_transfer_weights();
  std::optional<Proposal> transfer_proposal();
  bool too_wide() const;
  static constexpr std::size_t most_climbers = 3;  // candidates that local search starts from

  Context context_;
  guided::Encoding encoding_;
  guided::FailureModel failure_model_;
  std::vector<guided::TransferredSurrogate> limits_;
  guided::TransferredSurrogate objective_;
  guided::Surrogate cost_;
  guided::Coverage coverage_;
  TpeSearch tpe_;
  std::vector<double> row_, pending_rows_;
  std::vector<double> rows_;  // of finished trials, and whether they ran
  std::vector<std::uint8_t> ran_;

  // Transfer from another search: a failure model of its trials and ours, until it is rejected or replaces
  // ours. The models of the metrics and of the objective have their own.
  std::size_t learned_ = 0;  // prior observations
  std::optional<guided::FailureModel> transferred_failure_model_;
  guided::TransferWeight transfer_weight_;
  bool failures_transferred_ = false;                        // that it replaced failure_model_
  std::vector<std::pair<double, Configuration>> transfers_;  // feasible there, best first
  std::vector<double> transfer_rows_;                        // of the first few

  bool anything_ran_ = false;
  bool covering_ = false;  // looking for a fair trial of a wanted value
  std::vector<std::uint8_t> is_wanted_;
  double incumbent_ = 0.0;
  guided::Candidates candidates_;
  std::vector<double> log_probability_success_, log_probability_feasible_, log_expected_improvement_,
      log_crowd_;
  std::vector<double> mean_, variance_, part_rows_;
  std::vector<std::pair<double, std::size_t>> order_;
};

}  // namespace lehr
