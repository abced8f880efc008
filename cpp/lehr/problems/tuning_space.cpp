#include "lehr/problems/tuning_space.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>

#include "lehr/base/error.hpp"
#include "lehr/problems/keyed.hpp"
#include "lehr/problems/tuning_law.hpp"
#include "lehr/problems/tuning_variables.hpp"

namespace lehr {
namespace {

constexpr std::size_t kMostNodes = 30'000'000;  // of the search for the optimum: some seconds
constexpr double kRuns = 10.0;                  // of a kernel in a trial

class TuningSpace final : public Problem {
 public:
  TuningSpace(std::uint64_t seed, TuningLaw law)
      : Problem("tuning_space#" + std::to_string(seed), law.space, "time_ms", Direction::minimize, {},
                std::nullopt),
        law_(std::move(law)) {}

  Evaluation evaluate(std::span<const double> codes, const Draw& draw) const override {
    return measure(codes, std::exp(law_.noise * noise_of(codes, draw).normal()));
  }
  Evaluation truth(std::span<const double> codes) const override { return measure(codes, 1.0); }

  Optimum optimum() const override {
    const CostMinimum found = minimise(law_.network(), kMostNodes);
    Optimum best;
    best.objective = missing;
    if (!found.places.empty()) {
      for (std::size_t i = 0; i < found.places.size(); ++i)
        best.configuration.push_back(law_.variables[i].code(found.places[i]));
      best.objective = truth(best.configuration).result.objective;
    }
    best.certificate = found.proven ? "branch and bound over the whole grid, " + std::to_string(found.nodes) +
                                          " partial configurations"
                                    : "an estimate: the best that branch and bound met in " +
                                          std::to_string(kMostNodes) + " partial configurations";
    return best;
  }

  std::string describe() const override {
    char numbers[200];
    std::snprintf(
        numbers, sizeof numbers,
        "%zu parameters, %.1f %% of the grid fails by its rules, %.1f %% of it declared as forbidden, "
        "accidents %.1f %%, noise %.1f %%",
        space()->size(), 100.0 * law_.dead, 100.0 * law_.forbidden, 100.0 * law_.accidents,
        100.0 * law_.noise);
    std::string rules;
    for (const TuningRule& rule : law_.rules) {
      rules += (rules.empty() ? " Rules: " : "; ") + rule.text(law_.variables);
      if (rule.declared) rules += " (declared)";
    }
    if (!rules.empty()) rules += ".";
    return name() + ": a random space like that of a GPU kernel's tuning: " + numbers + "." + rules +
           " The run time is a product of effects of parameters and of pairs, of compute or memory, "
           "whichever is "
           "slower, and of steps where blocks no longer fit; measured with log-normal noise. The law is "
           "frozen; "
           "even seeds are for tuning, odd seeds for reporting.";
  }

 private:
  Evaluation measure(std::span<const double> codes, double luck) const {
    std::array<std::size_t, kMostParameters> all{};
    std::transform(codes.begin(), codes.end(), all.begin(),
                   [](double code) { return static_cast<std::size_t>(code); });
    const std::span<const std::size_t> places(all.data(), codes.size());
    Evaluation evaluation;
    const std::size_t r = law_.failure(places);
    if (r < law_.rules.size()) {
      const TuningRule& rule = law_.rules[r];
      evaluation.result.outcome = rule.hangs ? Outcome::timeout : Outcome::crashed;
      evaluation.seconds = rule.hangs ? law_.hang_s : rule.cost * law_.compile_s;
      evaluation.cause = law_.causes[r];
      return evaluation;
    }
    if (law_.accident(places)) {
      evaluation.result.outcome = Outcome::crashed;
      evaluation.seconds = law_.compile_s;
      evaluation.cause = "an accident crashes";
      return evaluation;
    }
    evaluation.result.objective = law_.time_ms(places) * luck;
    evaluation.seconds = law_.compile_s + 1e-3 * kRuns * evaluation.result.objective;
    return evaluation;
  }

  TuningLaw law_;
};

}  // namespace

std::shared_ptr<const Problem> tuning_space(std::uint64_t seed) {
  if (seed >> 31 != 0) throw OptionError("tuning_space#SEED takes a seed below 2^31");
  return std::make_shared<TuningSpace>(seed, tuning_law(seed));
}

}  // namespace lehr
