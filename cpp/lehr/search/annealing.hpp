// Thermal Budget Annealing: feasible-first, crash-aware simulated annealing (phase 1 of the method).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lehr/search/acceptance.hpp"
#include "lehr/search/blacklist.hpp"
#include "lehr/search/schedule.hpp"
#include "lehr/search/searcher.hpp"
#include "lehr/search/tpe.hpp"

namespace lehr {

class Annealing final : public Searcher {
 public:
  explicit Annealing(const Context& context);

  Proposal propose(Rng& rng) override;
  void observe(std::size_t trial) override;
  std::string phase() const override { return "tba"; }
  std::string stage() const override;
  std::string explain() const override;

  const Blacklist& blacklist() const { return blacklist_; }
  const Temperature& temperature() const { return temperature_; }

 private:
  double horizon(std::size_t n) const;
  void start();
  void observe_feasibility(std::size_t trial);
  void observe_optimisation(std::size_t trial);
  Proposal draw(Rng& rng, Origin origin);
  std::optional<Proposal> move(const Configuration& from, Rng& rng, Origin origin);
  std::string explain_blacklist() const;

  Context context_;
  Temperature temperature_;
  Blacklist blacklist_;
  std::unique_ptr<TpeSearch> away_;  // made when needed: keeps clear of crashes while nothing has run
  bool started_ = false;
  Stage stage_ = Stage::feasibility;
  std::optional<std::size_t> current_;  // a trial that ran; none while every result was a crash
};

}  // namespace lehr
