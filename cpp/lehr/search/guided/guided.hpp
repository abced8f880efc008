// The guided search: feasible first, by models of why trials fail and of what the limits measure, then
// better.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lehr/search/guided/candidates.hpp"
#include "lehr/search/guided/coverage.hpp"
#include "lehr/search/guided/encoding.hpp"
#include "lehr/search/guided/surrogate.hpp"
#include "lehr/search/guided/validity.hpp"
#include "lehr/search/searcher.hpp"

namespace lehr {

class GuidedSearch final : public Searcher {
 public:
  explicit GuidedSearch(const Context& context);

  Proposal propose(Rng& rng) override;
  void observe(std::size_t trial) override;
  std::string phase() const override { return "guided"; }
  std::string stage() const override;
  std::string explain() const override;

 private:
  // What the models say of the candidates, from `first` on.
  void judge(std::size_t first);
  void judge_gain(std::size_t first);
  void judge_fits(std::size_t first);
  double acquisition(std::size_t i) const;
  void settle();
  void gather(Rng& rng);
  void climb(Rng& rng);
  bool find_wanted();
  std::string sentence(const guided::Validity::Cause& cause) const;
  std::size_t argmax() const;
  Proposal proposal(std::size_t i, Origin origin) const;

  Context context_;
  guided::Encoding encoding_;
  guided::Validity validity_;
  std::vector<guided::Surrogate> limits_;
  guided::Surrogate objective_;
  guided::Surrogate cost_;
  guided::Coverage coverage_;
  std::vector<double> row_, pending_rows_;

  bool covering_ = false;  // looking for a fair trial of a wanted value
  std::vector<std::uint8_t> is_wanted_;
  guided::Candidates candidates_;
  std::vector<double> log_runs_, log_fits_, log_gain_, log_cost_;
  std::vector<double> mean_, variance_, part_rows_;
  std::vector<std::pair<double, std::size_t>> order_;
};

}  // namespace lehr
