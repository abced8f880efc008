// The core embedded in a plain C++ program: a search over a small deployment space, all methods, with
// crashes.
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>

#include "lehr/base/error.hpp"
#include "lehr/search/optimizer.hpp"

namespace {

int failures = 0;

void expect(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "failed: %s\n", what);
  ++failures;
}

lehr::Variable categorical(const std::string& name, std::vector<lehr::Value> choices) {
  lehr::Variable variable;
  variable.name = name;
  variable.kind = lehr::Kind::categorical;
  variable.choices = std::move(choices);
  return variable;
}

std::shared_ptr<const lehr::Space> make_space() {
  lehr::Variable batch;
  batch.name = "batch";
  batch.kind = lehr::Kind::integer;
  batch.low = 1;
  batch.high = 64;
  batch.log = true;
  batch.step = 1;
  lehr::Variable threads = batch;
  threads.name = "threads";
  threads.log = false;
  threads.high = 8;
  threads.when.op = lehr::Operator::equal;
  threads.when.variable = "backend";
  threads.when.values = {std::string("eager")};
  return std::make_shared<lehr::Space>(
      std::vector<lehr::Variable>{categorical("backend", {std::string("eager"), std::string("compile")}),
                                  categorical("half", {true, false}), batch, threads},
      std::vector<lehr::Condition>{});
}

void search(lehr::Method method) {
  lehr::Options options = lehr::preset_options(method, lehr::Preset::standard);
  options.constraints = {{"latency", 40.0}};
  options.seed = 7;
  lehr::Optimizer optimizer(make_space(), options);
  for (int i = 0; i < 60; ++i) {
    const std::size_t trial = optimizer.ask();
    const lehr::Configuration codes = optimizer.history().configuration(trial);
    expect(optimizer.space().legal(codes), "every proposal is legal");
    if (codes[0] == 1.0 && codes[1] == 0.0) {
      optimizer.tell(trial, {lehr::Outcome::crashed, lehr::missing, {lehr::missing}});
    } else {
      optimizer.tell(trial, {lehr::Outcome::ok, codes[2], {codes[2]}});
    }
    expect(!optimizer.explain().empty(), "explain has words");
  }
  expect(optimizer.history().best().has_value(), "something feasible was found");
  expect(optimizer.history().objective(*optimizer.history().best()) <= 40.0,
         "the best one respects the limit");
}

void refuses_bad_input() {
  lehr::Options options = lehr::preset_options(lehr::Method::random, lehr::Preset::standard);
  lehr::Optimizer optimizer(make_space(), options);
  const std::size_t trial = optimizer.ask();
  bool refused = false;
  try {
    optimizer.tell(trial, {lehr::Outcome::ok, NAN, {}});
  } catch (const lehr::ResultError&) {
    refused = true;
  }
  expect(refused, "a NaN objective is refused");
  expect(optimizer.history().pending() == 1, "and the trial is still pending");
}

}  // namespace

int main() {
  for (const lehr::Method method : {lehr::Method::random, lehr::Method::grid, lehr::Method::tba,
                                    lehr::Method::tpe, lehr::Method::tba_tpe}) {
    search(method);
  }
  refuses_bad_input();
  return failures == 0 ? 0 : 1;
}
