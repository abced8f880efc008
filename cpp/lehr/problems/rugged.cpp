#include "lehr/problems/rugged.hpp"

#include <string>
#include <utility>

#include "lehr/problems/build.hpp"
#include "lehr/problems/keyed.hpp"
#include "lehr/problems/survey.hpp"

namespace lehr {
namespace {

constexpr std::uint64_t kNature = 0x7275676765640001ULL;
constexpr std::size_t kVariables = 7;
constexpr std::size_t kValues = 8;
constexpr double kSignal = 0.05;  // a variable's best value over its worst

std::shared_ptr<const Space> make_space() {
  std::vector<Variable> variables;
  for (std::size_t i = 0; i < kVariables; ++i) {
    std::string name = std::string("c").append(std::to_string(i + 1));
    std::vector<std::string> choices;
    for (std::size_t k = 0; k < kValues; ++k) choices.emplace_back(1, static_cast<char>('a' + k));
    variables.push_back(build::categorical(std::move(name), std::move(choices)));
  }
  return std::make_shared<Space>(std::move(variables), std::vector<Condition>{});
}

class Rugged final : public Problem {
 public:
  Rugged() : Problem("rugged", make_space(), "value", Direction::maximize, {}, std::nullopt) {}

  Evaluation evaluate(std::span<const double> codes, const Draw&) const override { return truth(codes); }

  Evaluation truth(std::span<const double> codes) const override {
    double value = nature_of(codes, kNature, 0).uniform();
    for (std::size_t i = 0; i < kVariables; ++i) {
      // Each variable ranks its values in an order of its own.
      const auto rank = (5 * static_cast<std::size_t>(codes[i]) + 3 * i) % kValues;
      value += kSignal * static_cast<double>(rank) / static_cast<double>(kValues - 1);
    }
    return {{Outcome::ok, value, {}}, 1.0, {}};
  }

  Optimum optimum() const override { return best_of_all(*this); }

  std::string describe() const override {
    return "rugged: seven categoricals of eight values; the value is a hash of the configuration, uniform in "
           "[0, 1), plus a weak signal of up to 0.05 from each variable. No limits, no failures, no noise; a "
           "trial costs one second.";
  }
};

}  // namespace

std::shared_ptr<const Problem> rugged() { return std::make_shared<Rugged>(); }

}  // namespace lehr
