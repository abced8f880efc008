#include "lehr/problems/deploy_space.hpp"

#include <cmath>
#include <cstdio>
#include <utility>

#include "lehr/base/error.hpp"
#include "lehr/problems/deploy_law.hpp"
#include "lehr/problems/keyed.hpp"
#include "lehr/problems/survey.hpp"

namespace lehr {
namespace {

std::string objective_name(const DeployLaw& law) {
  return law.throughput ? "items_per_s" : law.as_error ? "error_rate" : "quality";
}

class DeploySpace final : public Problem {
 public:
  DeploySpace(std::uint64_t seed, DeployLaw law)
      : Problem("deploy_space#" + std::to_string(seed), law.space, objective_name(law),
                law.throughput || !law.as_error ? Direction::maximize : Direction::minimize,
                {{"latency_ms", law.latency_limit}, {"memory_mb", law.memory_limit}}, "model"),
        law_(std::move(law)) {}

  Evaluation evaluate(std::span<const double> codes, const Draw& draw) const override {
    return measure(codes, std::exp(law_.noise * noise_of(codes, draw).normal()));
  }
  Evaluation truth(std::span<const double> codes) const override { return measure(codes, 1.0); }
  Optimum optimum() const override { return best_of_all(*this); }

  std::string describe() const override {
    char numbers[160];
    std::snprintf(numbers, sizeof numbers,
                  "%zu variables, %zu failing combinations, %.1f %% of random draws invalid, "
                  "latency noise %.1f %%",
                  space()->size(), law_.failures.size(), 100.0 * law_.invalid_share, 100.0 * law_.noise);
    return name() + ": a random deployment-like space: " + numbers +
           ". Values, pairs of values and thresholds crash or hang; latency and memory are products over the "
           "values and a power of the batch, the measured latency log-normal about it; memory beyond the "
           "machine's is out of memory; the objective is flat in most variables, or a throughput. The law is "
           "frozen; even seeds are for tuning, odd seeds for reporting.";
  }

 private:
  Evaluation measure(std::span<const double> codes, double luck) const {
    const DeployLaw::Run run = law_.run(codes);
    Evaluation evaluation;
    evaluation.result.metrics = {missing, missing};
    if (const Failure* failure = law_.failure(codes)) {
      evaluation.result.outcome = failure->outcome;
      evaluation.seconds = failure->cost * run.seconds;
      evaluation.cause = failure->cause;
      return evaluation;
    }
    if (run.memory_mb > law_.capacity_mb) {
      evaluation.result.outcome = Outcome::out_of_memory;
      evaluation.seconds = law_.oom_cost * run.seconds;
      evaluation.cause = "out of memory";
      return evaluation;
    }
    const double latency = run.latency_ms * luck;
    evaluation.result.metrics = {latency, run.memory_mb};
    evaluation.result.objective = law_.throughput ? 1000.0 * run.batch / latency
                                  : law_.as_error ? 1.0 - run.quality
                                                  : run.quality;
    evaluation.seconds = run.seconds;
    return evaluation;
  }

  DeployLaw law_;
};

}  // namespace

std::shared_ptr<const Problem> deploy_space(std::uint64_t seed) {
  if (seed >> 31 != 0) throw OptionError("deploy_space#SEED takes a seed below 2^31");
  return std::make_shared<DeploySpace>(seed, deploy_law(seed));
}

}  // namespace lehr
