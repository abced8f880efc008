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
#include "lehr/search/guided/quantity.hpp"
#include "lehr/search/guided/surrogate.hpp"
#include "lehr/search/guided/trust.hpp"
#include "lehr/search/guided/validity.hpp"
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
  void learn(const std::vector<Hearsay>& results);
  std::string explain() const override;

 private:
  // What the models say of the candidates, from `first` on.
  void judge(std::size_t first);
  void judge_gain(std::size_t first);
  void judge_fits(std::size_t first);
  double acquisition(std::size_t i) const;
  void settle();
  double incumbent();
  void gather(Rng& rng);
  void climb(Rng& rng);
  bool find_wanted();
  bool within(const guided::Validity::Cause& cause, std::span<const double> row) const;
  std::string ending(const guided::Validity::Cause& cause) const;
  bool covers();
  bool deserves_trial(std::size_t i) const;
  double crowd(std::span<const double> row) const;
  std::string sentence(const guided::Validity& validity, const guided::Validity::Cause& cause) const;
  std::string waiting(const std::vector<guided::Validity::Cause>& causes) const;
  std::string missed() const;
  std::size_t argmax() const;
  Proposal proposal(std::size_t i, Origin origin) const;
  // That a configuration runs.
  double runs(std::span<const double> row) const;
  void observe_run(std::span<const double> row, bool ran);
  // Brings up to date how far each word of the other search is trusted; how many proved false.
  std::size_t weigh_hearsay();
  std::optional<Proposal> transfer();
  bool too_wide() const;
  static constexpr std::size_t most_climbers = 3;  // candidates that local search starts from

  Context context_;
  guided::Encoding encoding_;
  guided::Validity validity_;
  std::vector<guided::Quantity> limits_;
  guided::Quantity objective_;
  guided::Surrogate cost_;
  guided::Coverage coverage_;
  TpeSearch tpe_;
  std::vector<double> row_, pending_rows_;
  std::vector<double> rows_;  // of told trials, and whether they ran
  std::vector<std::uint8_t> ran_;

  // What another search reported: failures that both searches know, while its word is not lost. The metrics
  // and the objective have theirs.
  std::size_t learned_ = 0;  // trials
  std::optional<guided::Validity> informed_;
  guided::Trust trust_;
  bool validity_learned_ = false;  // that it proved good for ever, and is in validity_
  std::vector<std::pair<double, Configuration>> transfers_;  // feasible there, best first
  std::vector<double> transfer_rows_;                        // of the first few

  bool anything_ran_ = false;
  bool covering_ = false;  // looking for a fair trial of a wanted value
  std::vector<std::uint8_t> is_wanted_;
  double incumbent_ = 0.0;
  guided::Candidates candidates_;
  std::vector<double> log_runs_, log_fits_, log_gain_, log_crowd_;
  std::vector<double> mean_, variance_, part_rows_;
  std::vector<std::pair<double, std::size_t>> order_;
};

}  // namespace lehr
