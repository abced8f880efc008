// The timed loop over a callee that puts work on a stream of a GPU (lehr/probe/on_gpu.py).
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <tuple>

#include "bind.hpp"
#include "lehr/base/error.hpp"
#include "lehr/probe/gpu_loop.hpp"
#include "probe_calls.hpp"
#include "probe_report.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

struct GpuOptions {
  probe::WarmupBounds warmup;
  std::size_t in_flight;
  double patience_s;
  bool capture;
};

// The driver's library; one that hangs stays loaded, since what would end it waits for the device.
class HeldDriver {
 public:
  explicit HeldDriver(const std::string& library) : driver_(std::make_unique<probe::GpuDriver>(library)) {}
  ~HeldDriver() {
    if (driver_->given_up()) static_cast<void>(driver_.release());
  }
  HeldDriver(const HeldDriver&) = delete;
  HeldDriver& operator=(const HeldDriver&) = delete;
  const probe::GpuDriver& driver() const { return *driver_; }

 private:
  std::unique_ptr<probe::GpuDriver> driver_;
};

// (measured, free bytes before, after, why the callee was not captured or "")
using GpuTuple = std::tuple<MeasuredTuple, std::size_t, std::size_t, std::string>;

// A callee that fails while it is captured may well work outside: its exception then is none of the caller's.
template <class Call>
struct Tried {
  Call& call;
  bool operator()() {
    const bool done = call();
    if (done) {
      call.settle();
    } else {
      PyErr_Clear();
    }
    return done;
  }
};

template <class Call>
void run(const probe::GpuDriver& driver, probe::GpuStream* stream, const GpuOptions& options, Call& call,
         Tick& tick, probe::Judge& judge, Measured& measured, std::string& why_not) {
  probe::GpuLoop loop(driver, stream, options.in_flight, options.patience_s);
  measured.ended = probe::Ended::stopped;
  if (!loop.warm_up(call, tick, measured.warmup)) return;
  if (!options.capture) {
    measured.ended = loop.measure(call, tick, judge, measured.samples_ms);
    return;
  }
  probe::GpuReplay replay(driver);
  Tried<Call> tried{call};
  replay.capture(stream, tried);
  why_not = replay.why_not();
  if (!why_not.empty()) {
    measured.ended = loop.measure(call, tick, judge, measured.samples_ms);
    return;
  }
  std::optional<py::gil_scoped_release> release;
  if (PyGILState_Check() != 0) release.emplace();  // a replay needs no Python; ticks take the lock
  probe::ReplayCall replayed{driver, replay, stream};
  measured.ended = loop.measure(replayed, tick, judge, measured.samples_ms);
}

GpuTuple measure(const std::string& library, std::uintptr_t stream, const py::object& callee,
                 std::size_t warmup_calls, double warmup_ms, const std::vector<QuestionTuple>& questions,
                 double early_threshold, std::size_t min_samples, std::size_t max_samples, double max_seconds,
                 double enough_seconds, bool hasty, double moot_mean, double min_seconds,
                 std::size_t limit_samples, const PrecisionTuple& precision, std::size_t in_flight,
                 double patience_s, bool capture, const py::object& watch) {
  if (in_flight < 1 || in_flight > 1024) throw OptionError("in_flight must lie between 1 and 1024");
  probe::Judge judge(
      verdicts_of(questions), {early_threshold},
      {min_samples, max_samples, max_seconds, min_seconds, enough_seconds, hasty, moot_mean, limit_samples},
      precision_of(precision));
  const GpuOptions options{{warmup_calls, warmup_ms}, in_flight, patience_s, capture};
  const HeldDriver held(library);
  const probe::GpuDriver& driver = held.driver();
  auto* const on = reinterpret_cast<probe::GpuStream*>(stream);
  const probe::GpuScope scope(driver, on);
  Tick tick{watch, nullptr};
  Measured measured(options.warmup);
  std::string why_not;
  const std::size_t before = scope.free_bytes();
  if (PyCapsule_CheckExact(callee.ptr())) {
    NativeCall call{native(callee)};
    const py::gil_scoped_release release;  // the callee is native; ticks take the lock when they need it
    run(driver, on, options, call, tick, judge, measured, why_not);
  } else {
    PythonCall call{callee.ptr()};
    run(driver, on, options, call, tick, judge, measured, why_not);
    if (PyErr_Occurred() != nullptr) throw py::error_already_set();
  }
  if (tick.raised) std::rethrow_exception(tick.raised);
  return {told(measured, judge), before, scope.free_bytes(), why_not};
}

std::string uuid(const std::string& library, std::uintptr_t stream) {
  const py::gil_scoped_release release;  // no Python object is touched; starting CUDA takes a while
  const HeldDriver held(library);
  return probe::gpu_uuid(held.driver(), reinterpret_cast<probe::GpuStream*>(stream));
}

}  // namespace

void bind_probe_gpu(py::module_& m) {
  m.def("probe_measure_gpu", &measure, py::arg("library"), py::arg("stream"), py::arg("callee"),
        py::kw_only(), py::arg("warmup_calls"), py::arg("warmup_ms"), py::arg("questions"),
        py::arg("early_threshold"), py::arg("min_samples"), py::arg("max_samples"), py::arg("max_seconds"),
        py::arg("enough_seconds"), py::arg("hasty"), py::arg("moot_mean"), py::arg("min_seconds"),
        py::arg("limit_samples"), py::arg("precision"), py::arg("in_flight"), py::arg("patience_s"),
        py::arg("capture"), py::arg("watch") = py::none(),
        "As probe_measure, by events on a stream; with free bytes before and after, and why nothing was "
        "captured.");
  m.def("probe_gpu_uuid", &uuid, py::arg("library"), py::arg("stream"),
        "The UUID of the GPU that a stream belongs to, without what NVML puts before it.");
}

}  // namespace lehr::python
