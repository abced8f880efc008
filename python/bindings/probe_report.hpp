// What a measurement is told to Python as; shared by the bindings that measure.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/typing.h>

#include <string>
#include <tuple>
#include <vector>

#include "lehr/probe/judge.hpp"
#include "lehr/probe/warmup.hpp"

namespace lehr::python {

// (limit, share, confidence, tail_index, spell)
using QuestionTuple = std::tuple<double, double, double, double, double>;

// (half-width, confidence, least seconds); a half-width of 0 asks for none
using PrecisionTuple = std::tuple<double, double, double>;

inline probe::Precision precision_of(const PrecisionTuple& precision) {
  const auto& [half_width, confidence, least_seconds] = precision;
  return {half_width, confidence, least_seconds};
}

struct Measured {
  explicit Measured(const probe::WarmupBounds& bounds) : warmup(bounds) {}
  probe::Warmup warmup;
  std::vector<double> samples_ms;
  probe::Ended ended = probe::Ended::running;
};

// (answer, settled at, exceedances, probability, log e-value feasible, the same infeasible, discount)
using VerdictTuple = std::tuple<std::string, std::size_t, std::size_t, double, double, double, double>;
// (samples in ms, warm-up calls, warm-up in ms, how warm-up ended, how measuring ended, verdicts)
using MeasuredTuple = std::tuple<pybind11::array_t<double>, std::size_t, double, std::string, std::string,
                                 std::vector<VerdictTuple>>;

inline std::vector<probe::Verdict> verdicts_of(const std::vector<QuestionTuple>& questions) {
  std::vector<probe::Verdict> verdicts;
  for (const auto& [limit, share, confidence, tail_index, spell] : questions) {
    verdicts.emplace_back(probe::Question{limit, share, confidence, tail_index, spell});
  }
  return verdicts;
}

const char* word(probe::Answer answer);
const char* word(probe::Ended ended);
MeasuredTuple told(const Measured& measured, probe::Judge& judge);

}  // namespace lehr::python
