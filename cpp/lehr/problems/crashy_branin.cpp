#include "lehr/problems/crashy_branin.hpp"

#include <array>
#include <numbers>

#include "lehr/problems/branin.hpp"
#include "lehr/problems/build.hpp"

namespace lehr {
namespace {

constexpr double pi = std::numbers::pi;
constexpr std::array<double, 3> shifts{0.0, 2.0, -2.0};  // of modes A, B, C

enum Axis : std::size_t { mode, x1, x2, resolution };

class CrashyBranin final : public Problem {
 public:
  CrashyBranin()
      : Problem("crashy_branin",
                std::make_shared<Space>(
                    std::vector<Variable>{build::categorical("mode", {"A", "B", "C"}),
                                          build::real("x1", 0.0, 15.0), build::real("x2", 0.0, 15.0),
                                          build::integer("resolution", 1, 10)},
                    std::vector<Condition>{}),
                "value", Direction::maximize, {{"sum_excess", 0.0}, {"slope_excess", 0.0}}, "mode") {}

  Evaluation evaluate(std::span<const double> codes, const Draw&) const override { return truth(codes); }

  Evaluation truth(std::span<const double> codes) const override {
    Evaluation evaluation;
    evaluation.seconds = 1.0;
    const double a = codes[x1];
    const double b = codes[x2];
    const bool right = codes[mode] == 2.0 && a > 8.0;
    if (right || (codes[resolution] > 7.0 && b > 12.0)) {
      evaluation.result = {Outcome::crashed, missing, {missing, missing}};
      evaluation.cause = right ? "mode C crashes where x1 > 8" : "resolution above 7 crashes where x2 > 12";
      return evaluation;
    }
    const double value =
        -(branin(a + shifts[static_cast<std::size_t>(codes[mode])], b) + 0.1 * codes[resolution]);
    evaluation.result = {Outcome::ok, value, {a + b - 16.0, -a + 2.0 * b - 10.0}};
    return evaluation;
  }

  // Each mode reaches a minimum of Branin-Hoo inside the limits, at resolution 1; the lower bound of the
  // function is that minimum, so nothing can be better.
  Optimum optimum() const override {
    return {{0.0, pi, 2.275, 1.0},
            -(branin_minimum + 0.1),
            {0.0, 1.0, 2.0},
            "the global minimum of Branin-Hoo is 10/(8 pi); at resolution 1 every mode reaches it within the "
            "limits"};
  }

  std::string describe() const override {
    return "crashy_branin: Branin-Hoo over x1, x2 in [0, 15], shifted by 0, 2 or -2 by mode, with a cost of "
           "0.1 a "
           "step of resolution; mode C crashes where x1 > 8, resolutions above 7 crash where x2 > 12; limits "
           "x1 + x2 <= 16 and 2 x2 - x1 <= 10. A trial costs one second. Definition: arXiv 2604.25073.";
  }
};

}  // namespace

std::shared_ptr<const Problem> crashy_branin() { return std::make_shared<CrashyBranin>(); }

}  // namespace lehr
