// The probe's statistics: verdicts on a limit, and what they stand on (lehr/probe).
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <string>
#include <tuple>

#include "arrays.hpp"
#include "bind.hpp"
#include "checks.hpp"
#include "lehr/probe/dependence.hpp"
#include "lehr/probe/judge.hpp"
#include "lehr/probe/mean.hpp"
#include "lehr/probe/quantile.hpp"
#include "lehr/probe/verdict.hpp"
#include "probe_report.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

// (answer, samples used): looks when the timed loop does, until it is settled.
py::typing::Tuple<py::str, py::int_> decide(const Array& samples, double limit, double share,
                                            double confidence, double tail_index, double spell, double margin,
                                            std::size_t least) {
  const std::span<const double> all = view(samples);
  require_measured(all, "samples");
  probe::Verdict verdict({limit, share, confidence, tail_index, spell, margin});
  std::size_t used = all.size();
  {
    const py::gil_scoped_release release;  // the array is alive in our caller; nothing else is touched
    for (std::size_t n = std::max<std::size_t>(least, 1); n <= all.size(); n = probe::next_look(n)) {
      if (verdict.look(all.first(n)) != probe::Answer::open) {
        used = n;
        break;
      }
    }
  }
  return py::make_tuple(word(verdict.answer()), used);
}

// (value, low, high, coverage, effective samples, supported, samples needed)
using QuantileTuple = std::tuple<double, double, double, double, double, bool, std::size_t>;
QuantileTuple quantile(const Array& sorted, double share, double confidence, double discount) {
  require(sorted.size() != 0, "a percentile needs at least one sample");
  require_measured(view(sorted), "samples");
  require_share(share, "share");
  require_share(confidence, "confidence");
  require_finite(discount, "discount");
  const probe::Quantile found = probe::quantile(view(sorted), share, confidence, discount);
  return {found.value, found.low, found.high, found.coverage, found.effective, found.supported, found.needed};
}

// (half-width as a share of the mean, blocks).
std::tuple<double, std::size_t> mean_half_width(const Array& samples_ms, double confidence) {
  require_share(confidence, "confidence");
  require_measured(view(samples_ms), "samples_ms");
  probe::BlockMeans means(confidence);
  for (const double value : view(samples_ms)) means.add(value);
  return {means.half_width(), means.blocks()};
}

// (samples used, whether the mean was as precise as asked): looks when the timed loop does.
std::tuple<std::size_t, bool> measure_mean(const Array& samples_ms, const PrecisionTuple& precision,
                                           double enough_seconds) {
  const std::span<const double> all = view(samples_ms);
  require_measured(all, "samples_ms");
  probe::Bounds bounds;
  bounds.max_samples = 100'000'000;
  bounds.max_seconds = 1e6;
  bounds.enough_seconds = enough_seconds;
  probe::Judge judge({}, {}, bounds, precision_of(precision));
  const py::gil_scoped_release release;  // the array is alive in our caller; nothing else is touched
  double seconds = 0, pause = judge.next_seconds(0);
  for (std::size_t n = 1; n <= all.size(); ++n) {
    seconds += all[n - 1] * 1e-3;
    if (n < judge.next() && seconds < pause) continue;
    const probe::Ended ended = judge.after(all.first(n), seconds);
    pause = judge.next_seconds(seconds);
    if (ended != probe::Ended::running) return {n, ended == probe::Ended::settled};
  }
  return {all.size(), false};
}

}  // namespace

void bind_probe_verdict(py::module_& m) {
  m.def("probe_decide", &decide, py::arg("samples"), py::arg("limit"), py::arg("share"),
        py::arg("confidence"), py::arg("tail_index") = 0.0, py::arg("spell") = 1.0, py::arg("margin") = 1.0,
        py::arg("least") = 1,
        "(answer, samples used): a verdict on recorded samples, asked after each of them.");
  m.def("probe_quantile", &quantile, py::arg("sorted"), py::arg("share"), py::arg("confidence"),
        py::arg("discount") = 1.0, "A percentile with its interval from order statistics.");
  m.def("probe_mean", &mean_half_width, py::arg("samples_ms"), py::arg("confidence"),
        "(half-width of the mean's interval as a share of the mean, blocks); infinite with fewer than 3 "
        "blocks.");
  m.def(
      "probe_student_t",
      [](double confidence, std::size_t degrees) {
        require_share(confidence, "confidence");
        require(degrees > 0, "degrees must be at least 1");
        return probe::student_t(confidence, degrees);
      },
      py::arg("confidence"), py::arg("degrees"),
      "t with P(|T| <= t) = confidence for Student's distribution.");
  m.def("probe_measure_mean", &measure_mean, py::arg("samples_ms"), py::arg("precision"),
        py::arg("enough_seconds"),
        "(samples used, whether the mean was known): the timed loop's rule on recorded latencies.");
  m.def(
      "probe_samples_for_point",
      [](double share) {
        require_share(share, "share");
        return probe::samples_for_point(share);
      },
      py::arg("share"), "Samples that leave one expected beyond the percentile.");
  m.def(
      "probe_dependence",
      [](const Array& samples, double limit, double margin) {
        require(samples.size() != 0, "dependence needs at least one sample");
        require_measured(view(samples), "samples");
        require_finite(limit, "limit");
        require_finite(margin, "margin");
        const probe::Dependence found = probe::dependence(view(samples), limit, margin);
        return py::typing::Tuple<double, double>(py::make_tuple(found.seen, found.unseen));
      },
      py::arg("samples"), py::arg("limit"), py::arg("margin"),
      "Samples that say as much as one independent one: where exceedances were seen, and where not.");
}

}  // namespace lehr::python
