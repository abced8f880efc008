// The hybrid of the paper: annealing first, then its whole history goes to TPE.
#pragma once

#include <string>

#include "lehr/search/annealing.hpp"
#include "lehr/search/handoff.hpp"
#include "lehr/search/tpe.hpp"

namespace lehr {

class HybridSearch final : public Searcher {
 public:
  explicit HybridSearch(const Context& context);

  Proposal propose(Rng& rng) override;
  void observe(std::size_t trial) override;
  std::string phase() const override { return handed_over_ ? tpe_.phase() : annealing_.phase(); }
  std::string stage() const override { return handed_over_ ? tpe_.stage() : annealing_.stage(); }
  std::string explain() const override;

  const Annealing& annealing() const { return annealing_; }
  TpeSearch& tpe() { return tpe_; }

 private:
  HandoffState state() const;

  Context context_;
  Annealing annealing_;
  TpeSearch tpe_;
  std::vector<std::vector<bool>> values_;  // per variable: which categorical values have been seen (feasible)
  bool handed_over_ = false;
  std::size_t handed_over_at_ = 0;
};

}  // namespace lehr
