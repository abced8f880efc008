#include "lehr/problems/smooth.hpp"

#include <array>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>

#include "lehr/problems/branin.hpp"
#include "lehr/problems/build.hpp"

namespace lehr {
namespace {

// A function to minimise, without noise; a trial costs one second.
class Smooth final : public Problem {
 public:
  using Function = double (*)(std::span<const double>);

  Smooth(std::string name, std::vector<Variable> variables, Function function, Configuration best,
         std::string certificate, std::string description)
      : Problem(std::move(name), std::make_shared<Space>(std::move(variables), std::vector<Condition>{}),
                "value", Direction::minimize, {}, std::nullopt),
        function_(function),
        best_(std::move(best)),
        certificate_(std::move(certificate)),
        description_(std::move(description)) {}

  Evaluation evaluate(std::span<const double> codes, const Draw&) const override { return truth(codes); }
  Evaluation truth(std::span<const double> codes) const override {
    return {{Outcome::ok, function_(codes), {}}, 1.0, {}};
  }
  Optimum optimum() const override { return {best_, function_(best_), {}, certificate_}; }
  std::string describe() const override {
    return name() + ": " + description_ + " No limits, no failures, no noise; a trial costs one second.";
  }

 private:
  Function function_;
  Configuration best_;
  std::string certificate_;
  std::string description_;
};

double hartmann(std::span<const double> x) {
  constexpr std::array<double, 4> heights{1.0, 1.2, 3.0, 3.2};
  constexpr double widths[4][6] = {{10.0, 3.0, 17.0, 3.5, 1.7, 8.0},
                                   {0.05, 10.0, 17.0, 0.1, 8.0, 14.0},
                                   {3.0, 3.5, 1.7, 10.0, 17.0, 8.0},
                                   {17.0, 8.0, 0.05, 10.0, 0.1, 14.0}};
  constexpr double centres[4][6] = {{0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886},
                                    {0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991},
                                    {0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650},
                                    {0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381}};
  double value = 0.0;
  for (std::size_t i = 0; i < 4; ++i) {
    double exponent = 0.0;
    for (std::size_t j = 0; j < 6; ++j)
      exponent += widths[i][j] * (x[j] - centres[i][j]) * (x[j] - centres[i][j]);
    value -= heights[i] * std::exp(-exponent);
  }
  return value;
}

constexpr std::size_t kSphere = 100;

// Spread over [-3, 3], so that no method is helped by a centre in the middle or on a grid.
double centre(std::size_t i) { return 3.0 * std::sin(static_cast<double>(i + 1)); }

double sphere(std::span<const double> x) {
  double value = 0.0;
  for (std::size_t i = 0; i < kSphere; ++i) value += (x[i] - centre(i)) * (x[i] - centre(i));
  return value;
}

}  // namespace

std::shared_ptr<const Problem> plain_branin() {
  return std::make_shared<Smooth>(
      "branin", std::vector<Variable>{build::real("x1", -5.0, 10.0), build::real("x2", 0.0, 15.0)},
      [](std::span<const double> x) { return branin(x[0], x[1]); }, Configuration{std::numbers::pi, 2.275},
      "a square is at least 0 and a cosine at least -1, so the value is at least 10/(8 pi); both bounds are "
      "reached at (pi, 2.275)",
      "the Branin-Hoo function over x1 in [-5, 10] and x2 in [0, 15], to minimise.");
}

std::shared_ptr<const Problem> hartmann6() {
  std::vector<Variable> variables;
  for (int j = 1; j <= 6; ++j)
    variables.push_back(build::real(std::string("x").append(std::to_string(j)), 0.0, 1.0));
  return std::make_shared<Smooth>(
      "hartmann6", std::move(variables), hartmann,
      Configuration{0.20168951100670543, 0.15001069182345797, 0.47687397422189703, 0.2753324304940561,
                    0.31165161660011326, 0.6573005340656204},
      "the published minimiser, refined by Newton's method in extended precision: gradient below 1e-17, "
      "Hessian "
      "positive definite. That no other valley is deeper rests on the literature and on multi-start search",
      "the Hartmann function in six variables in [0, 1], to minimise (Dixon and Szego, 1978).");
}

std::shared_ptr<const Problem> sphere100() {
  std::vector<Variable> variables;
  Configuration best;
  for (std::size_t i = 0; i < kSphere; ++i) {
    variables.push_back(build::real(std::string("x").append(std::to_string(i + 1)), -5.0, 5.0));
    best.push_back(centre(i));
  }
  return std::make_shared<Smooth>(
      "sphere100", std::move(variables), sphere, std::move(best),
      "a sum of squares is at least 0, and 0 at its centre",
      "the squared distance from 3 sin(i), i = 1 to 100, over [-5, 5]^100, to minimise.");
}

}  // namespace lehr
