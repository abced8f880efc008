#include "lehr/problems/benign.hpp"

#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "lehr/problems/build.hpp"
#include "lehr/problems/keyed.hpp"
#include "lehr/problems/survey.hpp"

namespace lehr {
namespace {

enum Axis : std::size_t { model, backend, precision, batch, threads };
enum class Temper { none_fail, all_fail, random_fail };

constexpr std::uint64_t kNature = 0x62656e69676e0001ULL;
constexpr double kNoise = 0.03;
constexpr double kLimit = 1000.0;  // milliseconds; the slowest configuration takes half of that

std::shared_ptr<const Space> make_space() {
  return std::make_shared<Space>(
      std::vector<Variable>{
          build::categorical("model", {"small", "medium", "large", "huge"}),
          build::categorical("backend", {"eager", "graph", "compiled"}),
          build::categorical("precision", {"fp32", "fp16", "int8"}), build::integer("batch", 1, 32, true),
          build::when(build::integer("threads", 1, 8), build::is_not("backend", std::string("compiled")))},
      std::vector<Condition>{});
}

double latency_ms(std::span<const double> codes) {
  constexpr std::array<double, 4> models{2.0, 4.0, 7.0, 12.0};
  constexpr std::array<double, 3> backends{1.5, 1.1, 0.8};
  constexpr std::array<double, 3> precisions{1.0, 0.7, 0.55};
  const double alone = models[static_cast<std::size_t>(codes[model])] *
                       backends[static_cast<std::size_t>(codes[backend])] *
                       precisions[static_cast<std::size_t>(codes[precision])];
  // Threads help with diminishing returns; the compiled backend behaves as with four.
  const double helpers = std::isnan(codes[threads]) ? 4.0 : codes[threads];
  return alone * std::pow(codes[batch], 0.8) * std::pow(helpers, -0.4) + 0.05 * helpers;
}

// Worth per item over time spent on it: a smooth trade-off with its best in the middle of the space.
double score(std::span<const double> codes, double latency) {
  constexpr std::array<double, 4> models{0.70, 0.76, 0.79, 0.80};
  constexpr std::array<double, 3> precisions{0.0, -0.002, -0.02};
  return models[static_cast<std::size_t>(codes[model])] +
         precisions[static_cast<std::size_t>(codes[precision])] - 0.02 * std::log(latency) +
         0.01 * std::log(codes[batch]);
}

class Benign final : public Problem {
 public:
  Benign(std::string name, Temper temper, std::string description)
      : Problem(std::move(name), make_space(), "score", Direction::maximize, {{"latency_ms", kLimit}},
                "model"),
        temper_(temper),
        description_(std::move(description)) {}

  Evaluation evaluate(std::span<const double> codes, const Draw& draw) const override {
    return measure(codes, std::exp(kNoise * noise_of(codes, draw).normal()));
  }
  Evaluation truth(std::span<const double> codes) const override { return measure(codes, 1.0); }
  Optimum optimum() const override { return best_of_all(*this); }
  std::string describe() const override {
    return name() +
           ": a small deployment space (model, backend, precision, batch, threads) with a smooth score "
           "and a latency far below its limit of 1000 ms, measured with 3 % of log-normal noise; " +
           description_ + " A trial costs 5 s and 100 runs, a failure 5 s.";
  }

 private:
  bool fails(std::span<const double> codes) const {
    if (temper_ == Temper::random_fail) return nature_of(codes, kNature, 0).uniform() < 0.5;
    return temper_ == Temper::all_fail;
  }

  Evaluation measure(std::span<const double> codes, double luck) const {
    if (fails(codes)) return {{Outcome::crashed, missing, {missing}}, 5.0, "crashes"};
    const double latency = latency_ms(codes) * luck;
    return {{Outcome::ok, score(codes, latency), {latency}}, 5.0 + 0.1 * latency, {}};
  }

  Temper temper_;
  std::string description_;
};

}  // namespace

std::shared_ptr<const Problem> none_fail() {
  return std::make_shared<Benign>("none_fail", Temper::none_fail, "nothing fails.");
}

std::shared_ptr<const Problem> all_fail() {
  return std::make_shared<Benign>("all_fail", Temper::all_fail, "every configuration crashes.");
}

std::shared_ptr<const Problem> random_fail() {
  return std::make_shared<Benign>(
      "random_fail", Temper::random_fail,
      "half of the configurations crash, chosen by a hash: always the same ones, and "
      "no value of any variable explains which.");
}

}  // namespace lehr
