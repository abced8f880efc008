// The constrained Tree-structured Parzen Estimator (phase 2 of the method; Bergstra et al. 2011).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lehr/estimators/gpu/gpu.hpp"
#include "lehr/estimators/parzen.hpp"
#include "lehr/search/c_tpe.hpp"
#include "lehr/search/searcher.hpp"
#include "lehr/search/split.hpp"

namespace lehr {

class TpeSearch final : public Searcher {
 public:
  explicit TpeSearch(const Context& context);

  Proposal propose(Rng& rng) override;
  std::string phase() const override { return "tpe"; }
  std::string stage() const override;
  std::string explain() const override;

  // While nothing has run: of configurations drawn from the prior, the one that the failures are least dense
  // at.
  Proposal propose_away(Rng& rng, const std::function<bool(const Configuration&)>& allowed);

  // Of the objective where the acquisition is c-TPE.
  Split split();
  // log l(x) - log g(x) of each configuration under the present split; for c-TPE the sum of the log ratios.
  // Throws DeviceError when the device is cuda and cannot be used.
  std::vector<double> score(const std::vector<Configuration>& configurations, Device device, gpu::Gpu* gpu);

  // Where proposals are scored from now on; the GPU outlives the search, and is null for cpu.
  void use(Device device, std::shared_ptr<gpu::Gpu> gpu);

 private:
  void fit();
  std::span<const double> row(std::size_t trial);
  void append(const Configuration& configuration);
  void score_points(std::size_t count, Device device, gpu::Gpu* gpu);
  bool score_on_gpu(std::size_t count, Device device, gpu::Gpu* gpu);
  // Candidates are drawn, scored and forgotten a part at a time, so that a million need no more memory than a
  // part; `best_` is the first of the best so far.
  void clear_candidates();
  void weigh_candidates();
  bool draw_candidates(const ParzenEstimator& below, Rng& rng);
  bool assemble(const double* drawn, std::span<double> codes) const;
  bool constrained() const { return context_.options.tpe.acquisition == Acquisition::c_tpe; }

  Context context_;
  std::vector<std::size_t> variables_;     // those with more than one value
  std::vector<Dimension> dimensions_;      // of these
  std::vector<std::size_t> column_;        // variable -> dimension, or npos
  std::vector<double> only_;               // value of a variable that has but one
  std::vector<std::uint8_t> conditional_;  // per variable: whether it may be inactive
  Below below_set_;
  bool fitted_ = false;
  std::vector<std::size_t> fitted_below_;  // whom the densities count as below
  ParzenEstimator below_;
  ParzenEstimator above_;                    // a slot per trial
  std::optional<ConstrainedRatios> ratios_;  // there when constrained()
  Device device_ = Device::cpu;
  std::shared_ptr<gpu::Gpu> gpu_;
  // Buffers that live on, so that an ask allocates nothing once warm.
  std::vector<double> row_, rows_;
  std::vector<double> drawn_;
  std::vector<double> points_;      // dimensions only
  std::vector<double> candidates_;  // whole configurations
  std::vector<double> log_below_;
  std::vector<double> log_above_;
  Configuration best_;
  double best_score_ = 0.0;
};

}  // namespace lehr
