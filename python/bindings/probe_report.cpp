#include "probe_report.hpp"

namespace py = pybind11;

namespace lehr::python {

const char* word(probe::Answer answer) {
  switch (answer) {
    case probe::Answer::feasible:
      return "feasible";
    case probe::Answer::infeasible:
      return "infeasible";
    case probe::Answer::open:
      break;
  }
  return "open";
}

const char* word(probe::Ended ended) {
  switch (ended) {
    case probe::Ended::settled:
      return "settled";
    case probe::Ended::early:
      return "early";
    case probe::Ended::moot:
      return "moot";
    case probe::Ended::samples:
      return "samples";
    case probe::Ended::time:
      return "time";
    case probe::Ended::running:
    case probe::Ended::stopped:
      break;
  }
  return "stopped";
}

MeasuredTuple told(const Measured& measured, probe::Judge& judge) {
  const std::vector<double>& samples = measured.samples_ms;
  std::vector<VerdictTuple> verdicts;
  for (probe::Verdict verdict : judge.verdicts()) {
    const std::size_t settled_at = verdict.look(samples) == probe::Answer::open ? 0 : verdict.settled_at();
    const probe::Evidence evidence = verdict.evidence(samples);
    verdicts.emplace_back(word(verdict.answer()), settled_at, verdict.exceedances(),
                          verdict.probability(samples), evidence.log_feasible, evidence.log_infeasible,
                          evidence.discount);
  }
  return {py::array_t<double>(static_cast<py::ssize_t>(samples.size()), samples.data()),
          measured.warmup.calls(),
          measured.warmup.total_ms(),
          std::string(measured.warmup.ended()),
          word(measured.ended),
          std::move(verdicts)};
}

}  // namespace lehr::python
