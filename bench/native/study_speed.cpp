// Time of whole studies driven from C++: what a sweep of thousands of seeds pays for each of them.
//
//   cmake -S . -B build/bench -G Ninja -DLEHR_BENCH=ON -DLEHR_PYTHON=OFF && cmake --build build/bench
//   build/bench/bench/native/study_speed [studies [case]]
//
// The problem is crashy_branin: four mixed variables, crashes, two limits, about 65 % of random points
// wasted. A study is 25 trials with the search made, asked, told and thrown away; evaluations are arithmetic
// and count in. The same again with one search that is restarted for every study. Bars: under 350
// microseconds for tba-tpe, under 8 for random. Then ask + tell of TPE over a long history of ten mixed
// variables. One JSON line a case: the median over studies, one core.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "lehr/search/optimizer.hpp"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t budget = 25;

lehr::Variable categorical(const char* name, std::vector<lehr::Value> choices) {
  lehr::Variable variable;
  variable.name = name;
  variable.kind = lehr::Kind::categorical;
  variable.choices = std::move(choices);
  return variable;
}

lehr::Variable numeric(const char* name, lehr::Kind kind, double low, double high, bool log = false,
                       double step = 0.0) {
  lehr::Variable variable;
  variable.name = name;
  variable.kind = kind;
  variable.low = low;
  variable.high = high;
  variable.log = log;
  variable.step = kind == lehr::Kind::integer ? 1.0 : step;
  return variable;
}

std::vector<lehr::Value> letters(const char* text) {
  std::vector<lehr::Value> choices;
  for (; *text != '\0'; ++text) choices.emplace_back(std::string(1, *text));
  return choices;
}

std::shared_ptr<const lehr::Space> branin_space() {
  using lehr::Kind;
  return std::make_shared<lehr::Space>(
      std::vector<lehr::Variable>{categorical("mode", letters("ABC")), numeric("x1", Kind::real, 0.0, 15.0),
                                  numeric("x2", Kind::real, 0.0, 15.0),
                                  numeric("resolution", Kind::integer, 1.0, 10.0)},
      std::vector<lehr::Condition>{});
}

// The ten mixed variables of bench/tpe_speed.py.
std::shared_ptr<const lehr::Space> mixed_space() {
  using lehr::Kind;
  return std::make_shared<lehr::Space>(
      std::vector<lehr::Variable>{
          categorical("a", letters("abc")), categorical("b", letters("abcd")),
          categorical("c", letters("ab")), numeric("d", Kind::real, 0.0, 1.0),
          numeric("e", Kind::real, 1e-4, 1e-1, true), numeric("f", Kind::real, -1.0, 1.0),
          numeric("g", Kind::integer, 1.0, 64.0, true), numeric("h", Kind::integer, 1.0, 8.0),
          numeric("i", Kind::real, 0.0, 1.0, false, 0.1), numeric("j", Kind::integer, 0.0, 100.0)},
      std::vector<lehr::Condition>{});
}

void evaluate(std::span<const double> x, lehr::Result& result) {
  const bool crashes = (x[0] == 2.0 && x[1] > 8.0) || (x[3] > 7.0 && x[2] > 12.0);
  if (crashes) {
    result.outcome = lehr::Outcome::crashed;
    result.objective = lehr::missing;
    result.metrics.assign(2, lehr::missing);
    return;
  }
  constexpr double pi = std::numbers::pi;
  constexpr double shifts[] = {0.0, 2.0, -2.0};
  const double u = x[1] + shifts[static_cast<std::size_t>(x[0])];
  const double square = x[2] - 5.1 / (4 * pi * pi) * u * u + 5 / pi * u - 6.0;
  const double branin = square * square + 10 * (1 - 1 / (8 * pi)) * std::cos(u) + 10.0;
  result.outcome = lehr::Outcome::ok;
  result.objective = -(branin + 0.1 * x[3]);
  result.metrics.assign({x[1] + x[2] - 16.0, -x[1] + 2 * x[2] - 10.0});
}

lehr::Options options(lehr::Method method, std::uint64_t seed) {
  lehr::Options made = lehr::preset_options(method, lehr::Preset::standard);
  made.constraints = {{"sum", 0.0}, {"difference", 0.0}};
  made.budget = budget;
  made.seed = seed;
  return made;
}

void spend(lehr::Optimizer& search, lehr::Result& result) {
  for (std::size_t n = 0; n < budget; ++n) {
    const std::size_t trial = search.ask();
    evaluate(search.history().codes(trial), result);
    search.tell(trial, result);
  }
}

void report(const char* what, const char* unit, std::vector<double>& times) {
  std::sort(times.begin(), times.end());
  const auto at = [&](double share) {
    return times[static_cast<std::size_t>(share * static_cast<double>(times.size() - 1))];
  };
  std::printf(
      "{\"benchmark\": \"study_speed\", \"case\": \"%s\", \"per\": \"%s\", \"median_us\": %.2f, \"p10_us\": "
      "%.2f, \"p90_us\": %.2f, \"samples\": %zu}\n",
      what, unit, at(0.5), at(0.1), at(0.9), times.size());
}

template <class Run>
double microseconds(Run run) {
  const auto begin = Clock::now();
  run();
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

void studies(lehr::Method method, std::size_t count) {
  const std::shared_ptr<const lehr::Space> space = branin_space();
  lehr::Result result;
  std::vector<double> fresh;
  for (std::uint64_t seed = 0; seed < count; ++seed) {
    fresh.push_back(microseconds([&] {
      lehr::Optimizer search(space, options(method, seed));
      spend(search, result);
    }));
  }
  report(lehr::text(method), "study of 25 trials, a new search each", fresh);
}

// The paper's deployment space, as in bench/ask_tell.py.
std::shared_ptr<const lehr::Space> deployment_space() {
  using lehr::Kind;
  lehr::Variable threads = numeric("num_threads", Kind::integer, 1.0, 8.0);
  threads.when.op = lehr::Operator::not_equal;
  threads.when.variable = "backend";
  threads.when.values = {std::string("b")};
  return std::make_shared<lehr::Space>(
      std::vector<lehr::Variable>{categorical("model_name", letters("abcde")),
                                  categorical("backend", letters("abc")),
                                  categorical("quantization", letters("abc")),
                                  numeric("batch_size", Kind::integer, 1.0, 32.0, true), threads},
      std::vector<lehr::Condition>{});
}

void last_trials(std::size_t count) {
  const std::shared_ptr<const lehr::Space> space = deployment_space();
  lehr::Result result;
  std::vector<double> times;
  for (std::uint64_t seed = 0; seed < count; ++seed) {
    lehr::Optimizer search(space, options(lehr::Method::tba_tpe, seed));
    for (std::size_t n = 0; n < budget; ++n) {
      std::size_t trial = 0;
      double spent = microseconds([&] { trial = search.ask(); });
      const std::span<const double> x = search.history().codes(trial);
      const bool crashes = x[1] == 1.0 && x[2] == 2.0;
      result.outcome = crashes ? lehr::Outcome::crashed : lehr::Outcome::ok;
      result.objective = crashes ? lehr::missing : 0.7 + 0.01 * x[0];
      result.metrics.assign({crashes ? lehr::missing : 1.5 * std::pow(x[3], 0.9) - 20.0, -1.0});
      spent += microseconds([&] { search.tell(trial, result); });
      if (n + 5 >= budget) times.push_back(spent);
    }
  }
  report("tba-tpe", "ask + tell of trials 20 to 25, deployment space", times);
}

void long_history(std::size_t length, std::size_t asks) {
  lehr::Options made = lehr::preset_options(lehr::Method::tpe, lehr::Preset::standard);
  made.direction = lehr::Direction::minimize;
  made.seed = 1;
  lehr::Optimizer search(mixed_space(), made);
  lehr::Rng rng(length), noise(1);
  lehr::Result result;
  const auto value = [&](std::span<const double> x) {
    return (x[3] - 0.3) * (x[3] - 0.3) + std::abs(x[5]) + 0.01 * std::abs(x[9] - 40.0) + noise.uniform();
  };
  for (std::size_t n = 0; n < length; ++n) {
    const lehr::Configuration configuration = search.space().sample(rng);
    result.objective = value(configuration);
    search.add(configuration, result);
  }
  std::vector<double> times;
  for (std::size_t n = 0; n < asks; ++n) {
    std::size_t trial = 0;
    double spent = microseconds([&] { trial = search.ask(); });
    result.objective = value(search.history().codes(trial));
    spent += microseconds([&] { search.tell(trial, result); });
    if (n >= 3) times.push_back(spent);
  }
  report(("tpe after " + std::to_string(length)).c_str(), "ask + tell, 10 variables", times);
}

}  // namespace

int main(int count, char** arguments) {
  const auto wanted = static_cast<std::size_t>(count > 1 ? std::atoi(arguments[1]) : 2000);
  const std::string only = count > 2 ? arguments[2] : "";  // one case: a method, last, or a length
  for (const lehr::Method method :
       {lehr::Method::random, lehr::Method::tba, lehr::Method::tpe, lehr::Method::tba_tpe}) {
    if (only.empty() || only == lehr::text(method)) studies(method, wanted);
  }
  if (only.empty() || only == "last") last_trials(wanted);
  for (const std::size_t length : {25UL, 1000UL, 10000UL}) {
    if (only.empty() || only == std::to_string(length))
      long_history(length, std::min<std::size_t>(wanted, 200));
  }
}
