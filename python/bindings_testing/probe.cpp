// What the probe's verdicts stand on, one by one (lehr/probe).
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>
#include <tuple>

#include "arrays.hpp"
#include "bind.hpp"
#include "checks.hpp"
#include "lehr/probe/dependence.hpp"
#include "lehr/probe/verdict.hpp"
#include "lehr/probe/warmup.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

// (calls, how it ended): the warm-up rule on recorded durations; "" when they are too few.
std::tuple<std::size_t, std::string> warm_up(const Array& durations_ms, std::size_t max_calls,
                                             double max_ms) {
  require_measured(view(durations_ms), "durations_ms");
  probe::Warmup warmup({max_calls, max_ms});
  for (const double duration : view(durations_ms)) {
    if (!warmup.add(duration)) break;
  }
  return {warmup.calls(), std::string(warmup.ended())};
}

}  // namespace

void bind_probe(py::module_& m) {
  m.def(
      "probe_evidence_below",
      [](double beyond, double within, double null) {
        return probe::log_evidence_below(beyond, within, null);
      },
      py::arg("beyond"), py::arg("within"), py::arg("null"), "Log e-value for P(beyond) < null from counts.");
  m.def(
      "probe_evidence_above",
      [](double beyond, double within, double null) {
        return probe::log_evidence_above(beyond, within, null);
      },
      py::arg("beyond"), py::arg("within"), py::arg("null"), "Log e-value for P(beyond) > null from counts.");
  m.def(
      "probe_evidence_unseen",
      [](double beyond, double within, double null, double spells, double reach) {
        return probe::log_evidence_unseen(beyond, within, null, spells, reach);
      },
      py::arg("beyond"), py::arg("within"), py::arg("null"), py::arg("spells"), py::arg("reach"),
      "Log e-value for P(beyond) < null where spells of which none was seen may make up some of it.");
  m.def("probe_warmup", &warm_up, py::arg("durations_ms"), py::arg("max_calls"), py::arg("max_ms"),
        "(calls, how it ended): the warm-up rule on recorded durations.");
  m.def(
      "probe_autocorrelation_time",
      [](const Array& values) {
        require_measured(view(values), "values");
        return probe::autocorrelation_time(view(values));
      },
      py::arg("values"), "Integrated autocorrelation time, at least 1.");
}

}  // namespace lehr::python
