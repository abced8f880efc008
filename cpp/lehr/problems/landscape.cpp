#include "lehr/problems/landscape.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "lehr/base/error.hpp"
#include "lehr/base/rng.hpp"
#include "lehr/problems/build.hpp"
#include "lehr/problems/cost_network.hpp"

namespace lehr {
namespace {

constexpr std::uint64_t kLaw = 0x6c616e6400000001ULL;  // the first edition of the laws
constexpr double pi = std::numbers::pi;

// At least 0, and 0 where all z are 0.
struct Classic {
  const char* name;
  double width;  // of the box, in units of z
  double (*value)(std::span<const double> z);
};

double sphere(std::span<const double> z) { return std::inner_product(z.begin(), z.end(), z.begin(), 0.0); }

double ellipsoid(std::span<const double> z) {
  double sum = 0.0;
  for (std::size_t i = 0; i < z.size(); ++i)
    sum += std::pow(1000.0, static_cast<double>(i) / static_cast<double>(z.size() - 1)) * z[i] * z[i];
  return sum;
}

double powers(std::span<const double> z) {
  double sum = 0.0;
  for (std::size_t i = 0; i < z.size(); ++i)
    sum += std::pow(std::abs(z[i]), 2.0 + 2.0 * static_cast<double>(i) / static_cast<double>(z.size() - 1));
  return sum;
}

double cone(std::span<const double> z) { return std::sqrt(sphere(z)); }

double rosenbrock(std::span<const double> z) {
  double sum = 0.0;
  for (std::size_t i = 0; i + 1 < z.size(); ++i) {
    const double x = z[i] + 1.0;
    const double bend = z[i + 1] + 1.0 - x * x;
    sum += 100.0 * bend * bend + z[i] * z[i];
  }
  return sum;
}

double rastrigin(std::span<const double> z) {
  double sum = 0.0;
  for (const double x : z) sum += x * x + 10.0 * (1.0 - std::cos(2.0 * pi * x));
  return sum;
}

double ackley(std::span<const double> z) {
  double waves = 0.0;
  for (const double x : z) waves += std::cos(2.0 * pi * x);
  const double n = static_cast<double>(z.size());
  const double value =
      20.0 * (1.0 - std::exp(-0.2 * std::sqrt(sphere(z) / n))) + std::exp(1.0) - std::exp(waves / n);
  return std::max(0.0, value);  // rounding
}

double griewank(std::span<const double> z) {
  double product = 1.0;
  for (std::size_t i = 0; i < z.size(); ++i)
    product *= std::cos(z[i] / std::sqrt(static_cast<double>(i + 1)));
  return sphere(z) / 4000.0 + 1.0 - product;
}

double levy(std::span<const double> z) {
  const auto w = [&](std::size_t i) { return 1.0 + z[i] / 4.0; };
  const auto square = [](double x) { return x * x; };
  double sum = square(std::sin(pi * w(0)));
  for (std::size_t i = 0; i + 1 < z.size(); ++i)
    sum += square(w(i) - 1.0) * (1.0 + 10.0 * square(std::sin(pi * w(i) + 1.0)));
  const std::size_t last = z.size() - 1;
  return sum + square(w(last) - 1.0) * (1.0 + square(std::sin(2.0 * pi * w(last))));
}

constexpr std::array<Classic, 5> smooth{{{"sphere", 10.0, sphere},
                                         {"ellipsoid", 10.0, ellipsoid},
                                         {"sum of powers", 2.0, powers},
                                         {"cone", 10.0, cone},
                                         {"Rosenbrock function", 4.0, rosenbrock}}};
constexpr std::array<Classic, 4> rugged{{{"Rastrigin function", 5.0, rastrigin},
                                         {"Ackley function", 20.0, ackley},
                                         {"Griewank function", 40.0, griewank},
                                         {"Levy function", 16.0, levy}}};

std::string numbered(std::size_t i) { return std::string("x").append(std::to_string(i + 1)); }

std::vector<Variable> continuous(Rng& rng, std::size_t n) {
  std::vector<Variable> variables;
  for (std::size_t i = 0; i < n; ++i) {
    const double roll = rng.uniform();
    const double low = rng.uniform(-5.0, 5.0);
    const double range = std::exp(rng.uniform(0.0, std::log(100.0)));
    const double least = std::exp(rng.uniform(std::log(1e-6), 0.0));
    const double decades = rng.uniform(1.0, 5.0);
    const double steps = static_cast<double>(30 + rng.below(471));
    if (roll < 0.5) {
      variables.push_back(build::real(numbered(i), low, low + range));
    } else if (roll < 0.8) {
      variables.push_back(build::real(numbered(i), least, least * std::pow(10.0, decades), true));
    } else {
      variables.push_back(build::integer(numbered(i), 1.0, steps, rng.uniform() < 0.5));
    }
  }
  return variables;
}

// The rows of a random rotation: a Gaussian matrix, made orthonormal row by row.
std::vector<std::vector<double>> rotation(Rng& rng, std::size_t n, bool turned) {
  std::vector<std::vector<double>> rows(n, std::vector<double>(n, 0.0));
  for (std::size_t i = 0; i < n; ++i) {
    rows[i][i] = 1.0;
    if (!turned) continue;
    for (double& entry : rows[i]) entry = rng.normal();
    for (std::size_t j = 0; j < i; ++j) {
      const double along = std::inner_product(rows[i].begin(), rows[i].end(), rows[j].begin(), 0.0);
      for (std::size_t k = 0; k < n; ++k) rows[i][k] -= along * rows[j][k];
    }
    const double length = std::sqrt(sphere(rows[i]));
    for (double& entry : rows[i]) entry /= length;
  }
  return rows;
}

// 1 + strength * f(R (u - u*)), u the positions of the values in their own scales.
class Moved final : public Problem {
 public:
  Moved(std::string name, Rng& rng, std::size_t n, const Classic& classic)
      : Problem(std::move(name), std::make_shared<Space>(continuous(rng, n), std::vector<Condition>{}),
                "value", Direction::minimize, {}, std::nullopt),
        classic_(classic),
        turned_(rng.uniform() < 0.7),
        rows_(rotation(rng, n, turned_)) {
    for (const Variable& variable : space()->variables()) {
      best_.push_back(variable.from_unit(rng.uniform(0.1, 0.9)));
      centre_.push_back(variable.to_unit(best_.back()));
    }
    // The median of random draws is worth 3 to 20 times the optimum.
    const double worth = std::exp(rng.uniform(std::log(2.0), std::log(19.0)));
    std::vector<double> values;
    for (std::size_t k = 0; k < 501; ++k) values.push_back(raw(space()->sample(rng)));
    std::nth_element(values.begin(), values.begin() + 250, values.end());
    strength_ = worth / values[250];
  }

  Evaluation evaluate(std::span<const double> codes, const Draw&) const override { return truth(codes); }
  Evaluation truth(std::span<const double> codes) const override {
    return {{Outcome::ok, 1.0 + strength_ * raw(codes), {}}, 1.0, {}};
  }
  Optimum optimum() const override {
    return {
        best_, truth(best_).result.objective, {}, "the function is at least 0, and 0 where it was moved to"};
  }
  std::string describe() const override {
    return name() + ": the " + classic_.name + " in " + std::to_string(space()->size()) +
           " real, logarithmic and integer variables, moved" + (turned_ ? ", turned" : "") +
           " and scaled so that the best is 1, to minimise. No limits, no failures, no noise; a trial costs "
           "one "
           "second. The law is frozen; even seeds are for tuning, odd seeds for reporting.";
  }

 private:
  double raw(std::span<const double> codes) const {
    std::array<double, 16> from{};
    std::array<double, 16> z{};
    const std::size_t n = codes.size();
    for (std::size_t i = 0; i < n; ++i)
      from[i] = classic_.width * (space()->variable(i).to_unit(codes[i]) - centre_[i]);
    for (std::size_t i = 0; i < n; ++i)
      z[i] = std::inner_product(rows_[i].begin(), rows_[i].end(), from.begin(), 0.0);
    return classic_.value({z.data(), n});
  }

  Classic classic_;
  bool turned_;
  std::vector<std::vector<double>> rows_;
  Configuration best_;
  std::vector<double> centre_;
  double strength_ = 1.0;
};

std::vector<Variable> lists(Rng& rng) {
  const std::size_t n = 4 + static_cast<std::size_t>(rng.below(7));
  std::vector<Variable> variables;
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t size = static_cast<std::size_t>(n <= 6 ? 3 + rng.below(6) : 2 + rng.below(3));
    const bool ordered = rng.uniform() < 0.5;
    std::vector<std::int64_t> values;
    std::vector<std::string> choices;
    for (std::size_t k = 0; k < size; ++k) {
      values.push_back(std::int64_t{1} << k);
      choices.emplace_back(1, static_cast<char>('a' + k));
    }
    variables.push_back(ordered ? build::ordinal(numbered(i), std::move(values))
                                : build::categorical(numbered(i), std::move(choices)));
  }
  return variables;
}

// Kauffman's NK model ("The Origins of Order", 1993): each variable contributes a random amount for every
// combination of its value and those of k others.
class NK final : public Problem {
 public:
  NK(std::string name, Rng& rng)
      : Problem(std::move(name), std::make_shared<Space>(lists(rng), std::vector<Condition>{}), "value",
                Direction::minimize, {}, std::nullopt),
        others_(1 + static_cast<std::size_t>(rng.below(3))) {
    for (const Variable& variable : space()->variables()) network_.sizes.push_back(variable.cardinality());
    const std::size_t n = network_.sizes.size();
    for (std::size_t i = 0; i < n; ++i) {
      std::vector<std::size_t> scope{i};
      while (scope.size() <= others_) {
        const auto other = static_cast<std::size_t>(rng.below(n));
        if (std::find(scope.begin(), scope.end(), other) == scope.end()) scope.push_back(other);
      }
      std::sort(scope.begin(), scope.end());
      network_.tables.push_back(tabulate(std::move(scope), network_.sizes, [&](std::span<const std::size_t>) {
        return rng.uniform() / static_cast<double>(n);
      }));
    }
    network_.bound = [](std::span<const double> sums) { return sums[0]; };
    network_.cost = [this](std::span<const std::size_t> places) { return total(places); };
  }

  Evaluation evaluate(std::span<const double> codes, const Draw&) const override { return truth(codes); }
  Evaluation truth(std::span<const double> codes) const override {
    std::array<std::size_t, 16> places{};
    std::transform(codes.begin(), codes.end(), places.begin(),
                   [](double code) { return static_cast<std::size_t>(code); });
    return {{Outcome::ok, total({places.data(), codes.size()}), {}}, 1.0, {}};
  }
  Optimum optimum() const override {
    const CostMinimum found = minimise(network_, std::numeric_limits<std::size_t>::max());
    Optimum best;
    for (std::size_t i = 0; i < found.places.size(); ++i)
      best.configuration.push_back(space()->variable(i).code(found.places[i]));
    best.objective = truth(best.configuration).result.objective;
    best.certificate = "branch and bound over all configurations";
    return best;
  }
  std::string describe() const override {
    return name() + ": an NK landscape, N = " + std::to_string(space()->size()) +
           ", K = " + std::to_string(others_) +
           ": the mean of random contributions, one a variable, of its value and those of K others, to "
           "minimise. No "
           "limits, no failures, no noise; a trial costs one second. The law is frozen; even seeds are for "
           "tuning, "
           "odd seeds for reporting.";
  }

 private:
  double total(std::span<const std::size_t> places) const {
    double sum = 0.0;
    for (const CostTable& table : network_.tables) sum += table.at(places);
    return sum;
  }

  std::size_t others_;
  CostNetwork network_;
};

void check(const char* family, std::uint64_t seed) {
  if (seed >> 31 != 0) throw OptionError(std::string(family) + "#SEED takes a seed below 2^31");
}

}  // namespace

std::shared_ptr<const Problem> smooth_space(std::uint64_t seed) {
  check("smooth_space", seed);
  Rng rng(seed, 0, kLaw);
  const std::size_t n = 2 + static_cast<std::size_t>(rng.below(11));
  const Classic& classic = smooth[rng.below(smooth.size())];
  return std::make_shared<Moved>("smooth_space#" + std::to_string(seed), rng, n, classic);
}

std::shared_ptr<const Problem> rugged_space(std::uint64_t seed) {
  check("rugged_space", seed);
  Rng rng(seed, 1, kLaw);
  const std::string name = "rugged_space#" + std::to_string(seed);
  if (rng.uniform() < 0.5) return std::make_shared<NK>(name, rng);
  const std::size_t n = 2 + static_cast<std::size_t>(rng.below(7));
  const Classic& classic = rugged[rng.below(rugged.size())];
  return std::make_shared<Moved>(name, rng, n, classic);
}

}  // namespace lehr
