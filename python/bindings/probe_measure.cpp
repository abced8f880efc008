// The timed loop over a Python or a native callee (lehr/probe/measuring.py).
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <exception>
#include <optional>

#include "arrays.hpp"
#include "bind.hpp"
#include "lehr/base/error.hpp"
#include "lehr/probe/judge.hpp"
#include "lehr/probe/timed_loop.hpp"
#include "probe_report.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

constexpr const char* capsule_name = "lehr.probe.callee";

// Called without arguments through the vectorcall protocol; what it returns is dropped outside the timed
// part.
struct PythonCall {
  PyObject* function;
  PyObject* result = nullptr;

  bool operator()() {
    result = PyObject_CallNoArgs(function);
    return result != nullptr;
  }
  void settle() { Py_CLEAR(result); }
};

struct NativeCall {
  probe::NativeCallee callee;

  bool operator()() const {
    callee.function(callee.context);
    return true;
  }
  void settle() const {}
};

// Between calls: Ctrl-C, and the caller's look at the machine. An exception waits in `raised`.
struct Tick {
  py::object watch;
  std::exception_ptr raised;

  bool operator()(std::size_t samples) {
    const py::gil_scoped_acquire hold;
    try {
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      if (!watch.is_none()) watch(samples);
    } catch (...) {
      raised = std::current_exception();
      return false;
    }
    return true;
  }
};

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

probe::NativeCallee native(const py::object& callee) {
  const py::capsule capsule = py::reinterpret_borrow<py::capsule>(callee);
  void* const pointer = PyCapsule_GetPointer(capsule.ptr(), capsule_name);
  if (pointer == nullptr) throw py::error_already_set();
  return {reinterpret_cast<void (*)(void*)>(pointer), PyCapsule_GetContext(capsule.ptr())};
}

MeasuredTuple measure(const py::object& callee, std::size_t warmup_calls, double warmup_ms,
                      const std::vector<QuestionTuple>& questions, double early_threshold,
                      std::size_t min_samples, std::size_t max_samples, double max_seconds,
                      double enough_seconds, bool hasty, const py::object& watch, double tick_ms) {
  probe::Judge judge(verdicts_of(questions), {early_threshold},
                     {min_samples, max_samples, max_seconds, enough_seconds, hasty});
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

}  // namespace

void bind_probe_measure(py::module_& m) {
  m.def("probe_measure", &measure, py::arg("callee"), py::kw_only(), py::arg("warmup_calls"),
        py::arg("warmup_ms"), py::arg("questions"), py::arg("early_threshold"), py::arg("min_samples"),
        py::arg("max_samples"), py::arg("max_seconds"), py::arg("enough_seconds"), py::arg("hasty"),
        py::arg("watch") = py::none(), py::arg("tick_ms") = 20.0,
        "Warm up and time a callee until the judge has heard enough.");
  m.def("probe_callee", &callee, py::arg("function"), py::arg("context"),
        "A native callee from the addresses of void(*)(void*) and of its argument.");
}

}  // namespace lehr::python
