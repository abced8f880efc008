// The timed loop over a Python or a native callee (lehr/probe/measuring.py).
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <optional>
#include <tuple>

#include "arrays.hpp"
#include "bind.hpp"
#include "lehr/base/error.hpp"
#include "lehr/base/os/clock.hpp"
#include "lehr/probe/judge.hpp"
#include "lehr/probe/timed_loop.hpp"
#include "probe_calls.hpp"
#include "probe_report.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

template <class Call>
Measured run(Call& call, Tick& tick, const probe::WarmupBounds& warmup_bounds, probe::Judge& judge,
             double tick_ms) {
  Measured measured(warmup_bounds);
  const probe::Loop loop{static_cast<std::int64_t>(tick_ms * 1e6)};
  if (!loop.warm_up(call, tick, measured.warmup)) {
    measured.ended = probe::Ended::stopped;
    return measured;
  }
  measured.samples_ms.reserve(judge.bounds().max_samples < 65536 ? judge.bounds().max_samples : 65536);
  measured.ended = loop.measure(call, tick, judge, measured.samples_ms);
  return measured;
}

MeasuredTuple measure(const py::object& callee, std::size_t warmup_calls, double warmup_ms,
                      const std::vector<QuestionTuple>& questions, double early_threshold,
                      std::size_t min_samples, std::size_t max_samples, double max_seconds,
                      double enough_seconds, bool hasty, double moot_mean, double min_seconds,
                      std::size_t limit_samples, const PrecisionTuple& precision, const py::object& watch,
                      double tick_ms) {
  probe::Judge judge(
      verdicts_of(questions), {early_threshold},
      {min_samples, max_samples, max_seconds, min_seconds, enough_seconds, hasty, moot_mean, limit_samples},
      precision_of(precision));
  const probe::WarmupBounds bounds{warmup_calls, warmup_ms};
  Tick tick{watch, nullptr};
  std::optional<Measured> measured;
  if (PyCapsule_CheckExact(callee.ptr())) {
    NativeCall call{native(callee)};
    const py::gil_scoped_release release;  // the callee is native; ticks take the lock when they need it
    measured = run(call, tick, bounds, judge, tick_ms);
  } else {
    PythonCall call{callee.ptr()};
    measured = run(call, tick, bounds, judge, tick_ms);
    if (PyErr_Occurred() != nullptr) throw py::error_already_set();
  }
  if (tick.raised) std::rethrow_exception(tick.raised);
  return told(*measured, judge);
}

// A capsule over void(*)(void*) and its argument; whoever asks for it keeps both alive.
py::capsule callee(std::uintptr_t function, std::uintptr_t context) {
  if (function == 0) throw OptionError("a native callee needs the address of a function");
  PyObject* const capsule = PyCapsule_New(reinterpret_cast<void*>(function), capsule_name, nullptr);
  if (capsule == nullptr) throw py::error_already_set();
  const py::capsule held = py::reinterpret_steal<py::capsule>(capsule);
  if (PyCapsule_SetContext(capsule, reinterpret_cast<void*>(context)) != 0) throw py::error_already_set();
  return held;
}

// Seconds that n calls of a callee take in a bare native loop: what the timed loop is compared with.
double bare_loop(const py::object& callee, std::size_t n) {
  if (!PyCapsule_CheckExact(callee.ptr())) {
    PythonCall call{callee.ptr()};
    const std::int64_t begin = os::now_ns();
    for (std::size_t i = 0; i < n; ++i) {
      if (!call()) throw py::error_already_set();
      call.settle();
    }
    return static_cast<double>(os::now_ns() - begin) * 1e-9;
  }
  const NativeCall call{native(callee)};
  const py::gil_scoped_release release;  // the callee is native
  const std::int64_t begin = os::now_ns();
  for (std::size_t i = 0; i < n; ++i) call();
  return static_cast<double>(os::now_ns() - begin) * 1e-9;
}

// The smallest step of the clock above 0 that many readings show, and the mean cost of one reading, in ns.
std::tuple<double, double> timer(std::size_t readings) {
  std::int64_t smallest = 0, before = os::now_ns();
  const std::int64_t begin = before;
  for (std::size_t i = 0; i < readings; ++i) {
    const std::int64_t now = os::now_ns();
    if (now > before && (smallest == 0 || now - before < smallest)) smallest = now - before;
    before = now;
  }
  return {static_cast<double>(smallest), static_cast<double>(before - begin) / static_cast<double>(readings)};
}

}  // namespace

void bind_probe_measure(py::module_& m) {
  m.def("probe_measure", &measure, py::arg("callee"), py::kw_only(), py::arg("warmup_calls"),
        py::arg("warmup_ms"), py::arg("questions"), py::arg("early_threshold"), py::arg("min_samples"),
        py::arg("max_samples"), py::arg("max_seconds"), py::arg("enough_seconds"), py::arg("hasty"),
        py::arg("moot_mean"), py::arg("min_seconds"), py::arg("limit_samples"), py::arg("precision"),
        py::arg("watch") = py::none(), py::arg("tick_ms") = 20.0,
        "Warm up and time a callee until the judge has heard enough.");
  m.def("probe_bare_loop", &bare_loop, py::arg("callee"), py::arg("n"),
        "Seconds that n calls take in a loop that does nothing else.");
  m.def("probe_timer", &timer, py::arg("readings"),
        "(smallest step seen, mean cost of a reading) of the clock, in nanoseconds.");
  m.def("probe_callee", &callee, py::arg("function"), py::arg("context"),
        "A native callee from the addresses of void(*)(void*) and of its argument.");
}

}  // namespace lehr::python
