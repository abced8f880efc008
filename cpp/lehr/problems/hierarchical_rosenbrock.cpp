#include "lehr/problems/hierarchical_rosenbrock.hpp"

#include <cmath>

#include "lehr/problems/build.hpp"
#include "lehr/problems/keyed.hpp"

namespace lehr {
namespace {

enum Axis : std::size_t { mode, x1, x2, x3, x4, x5, n_iters };
constexpr double full = 2.0;
constexpr double seconds_per_iteration = 0.1;

std::shared_ptr<const Space> make_space() {
  const auto x = [](const char* name) { return build::real(name, -5.0, 5.0); };
  const Condition extended =
      build::is_in("mode", {Value(std::string("extended")), Value(std::string("full"))});
  return std::make_shared<Space>(
      std::vector<Variable>{build::categorical("mode", {"simple", "extended", "full"}), x("x1"), x("x2"),
                            build::when(x("x3"), extended), build::when(x("x4"), extended),
                            build::when(x("x5"), build::is("mode", std::string("full"))),
                            build::integer("n_iters", 1, 20)},
      std::vector<Condition>{});
}

class HierarchicalRosenbrock final : public Problem {
 public:
  HierarchicalRosenbrock()
      : Problem("hierarchical_rosenbrock", make_space(), "value", Direction::maximize, {{"sum_excess", 0.0}},
                "mode") {}

  Evaluation evaluate(std::span<const double> codes, const Draw& draw) const override {
    Evaluation evaluation = truth(codes);
    if (evaluation.result.outcome == Outcome::ok)
      evaluation.result.objective -= noise_of(codes, draw).normal() / codes[n_iters];
    return evaluation;
  }

  Evaluation truth(std::span<const double> codes) const override {
    Evaluation evaluation;
    if (codes[mode] == full && codes[x1] > 3.0 && codes[x5] > 3.0) {
      evaluation.seconds = seconds_per_iteration;  // the first iteration is its last
      evaluation.result = {Outcome::crashed, missing, {missing}};
      evaluation.cause = "mode full crashes where x1 > 3 and x5 > 3";
      return evaluation;
    }
    double valley = 0.0;
    double sum = codes[x1];
    for (std::size_t i = x1; i < x5 && !std::isnan(codes[i + 1]); ++i) {
      const double bend = codes[i + 1] - codes[i] * codes[i];
      const double slope = 1.0 - codes[i];
      valley += 100.0 * bend * bend + slope * slope;
      sum += codes[i + 1];
    }
    evaluation.seconds = seconds_per_iteration * codes[n_iters];
    evaluation.result = {Outcome::ok, 0.0 - valley, {sum - 5.0}};
    return evaluation;
  }

  Optimum optimum() const override {
    return {
        {0.0, 1.0, 1.0, missing, missing, missing, 20.0},
        0.0,
        {0.0, 1.0, 2.0},
        "the terms are squares, so the value is at most 0, and it is 0 where every active x is 1 and only "
        "there; their sum is then 2, 4 or 5 by mode, which the limit of 5 admits (with equality in mode "
        "full), and no crash lies there. n_iters scales the noise alone, so every value of it ties"};
  }

  std::string describe() const override {
    return "hierarchical_rosenbrock: minus the Rosenbrock function over x1, x2 (mode simple), x1 to x4 "
           "(extended) or x1 to x5 (full), each in [-5, 5]; mode full crashes where x1 > 3 and x5 > 3; "
           "limit: "
           "the active x add up to at most 5. A measurement adds noise of mean 0 and standard deviation "
           "1/n_iters, normal, a function of the configuration, the seed and the repeat; the truth has none. "
           "A "
           "trial costs 0.1 s an iteration, a crash 0.1 s. Definition: arXiv 2604.25073, which leaves the "
           "law "
           "of the noise and the costs open.";
  }
};

}  // namespace

std::shared_ptr<const Problem> hierarchical_rosenbrock() {
  return std::make_shared<HierarchicalRosenbrock>();
}

}  // namespace lehr
