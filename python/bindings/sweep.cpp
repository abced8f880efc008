// Sweeps: many studies on all cores, with the GIL released while they are waited for.
#include "lehr/sweep/sweep.hpp"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <chrono>

#include "bind.hpp"
#include "checks.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

template <class T, class Row, class Get>
py::array_t<T> gather(const std::vector<Row>& rows, Get get) {
  py::array_t<T> array(static_cast<py::ssize_t>(rows.size()));
  T* out = array.mutable_data();
  for (const Row& row : rows) *out++ = static_cast<T>(get(row));
  return array;
}

py::dict columns(const std::vector<StudyMetrics>& rows) {
  const auto whole = [&rows](auto field) {
    return gather<std::int64_t>(rows, [field](const StudyMetrics& row) { return row.*field; });
  };
  const auto real = [&rows](auto field) {
    return gather<double>(rows, [field](const StudyMetrics& row) { return row.*field; });
  };
  py::dict columns;
  columns["trials"] = whole(&StudyMetrics::trials);
  columns["feasible"] = whole(&StudyMetrics::feasible);
  columns["best"] = real(&StudyMetrics::best);
  columns["best_true"] = real(&StudyMetrics::best_true);
  columns["regret"] = real(&StudyMetrics::regret);
  columns["false_winner"] = whole(&StudyMetrics::false_winner);
  columns["wasted"] = real(&StudyMetrics::wasted);
  columns["wasted_seconds"] = real(&StudyMetrics::wasted_seconds);
  columns["seconds"] = real(&StudyMetrics::seconds);
  columns["first_feasible_trial"] = real(&StudyMetrics::first_feasible_trial);
  columns["first_feasible_seconds"] = real(&StudyMetrics::first_feasible_seconds);
  columns["discovered"] = real(&StudyMetrics::discovered);
  columns["near_optimum"] = real(&StudyMetrics::near_optimum);
  columns["family"] = real(&StudyMetrics::family);
  return columns;
}

py::dict columns(const std::vector<Step>& steps) {
  py::dict columns;
  columns["study"] = gather<std::int64_t>(steps, [](const Step& step) { return step.study; });
  columns["trial"] = gather<std::int64_t>(steps, [](const Step& step) { return step.trial; });
  columns["best"] = gather<double>(steps, [](const Step& step) { return step.best; });
  columns["regret"] = gather<double>(steps, [](const Step& step) { return step.regret; });
  columns["discovered"] = gather<double>(steps, [](const Step& step) { return step.discovered; });
  return columns;
}

// What came out of a cell: (metrics, feasible as bytes of each study, steps, traces).
py::tuple parts(CellResult result) {
  py::list feasible;
  const char* flags = reinterpret_cast<const char*>(result.feasible.data());
  for (const StudyMetrics& study : result.metrics) {
    feasible.append(py::bytes(flags, study.trials));
    flags += study.trials;
  }
  return py::make_tuple(columns(result.metrics), feasible, columns(result.steps),
                        py::cast(std::move(result.traces)));
}

using Cell = std::tuple<std::shared_ptr<Problem>, std::shared_ptr<Reference>, MethodSpec, std::size_t,
                        std::uint64_t, std::size_t>;

}  // namespace

void bind_sweep(py::module_& m) {
  py::class_<Sweep>(m, "Sweep", "Studies of many cells on a pool of threads; see lehr.bench.sweep.",
                    // Threads end before it does, and they need no GIL.
                    py::release_gil_before_calling_cpp_dtor())
      .def(py::init([](const std::vector<Cell>& given, std::size_t threads, bool keep_traces) {
             std::vector<SweepCell> cells;
             for (const auto& [problem, reference, method, budget, first, count] : given)
               cells.push_back({problem, reference, method, budget, first, count});
             return std::make_unique<Sweep>(std::move(cells), threads, keep_traces);
           }),
           py::arg("cells"), py::arg("threads"), py::arg("keep_traces"))
      .def(
          "wait",
          [](Sweep& self, double seconds) {
            require(seconds >= 0 && seconds <= 1e9, "seconds must be from 0 to 1e9");
            const py::gil_scoped_release release;  // studies touch no Python object
            return self.wait(std::chrono::milliseconds(static_cast<long>(1000.0 * seconds)));
          },
          py::arg("seconds"))
      .def(
          "take", [](Sweep& self, std::size_t cell) { return parts(self.take(cell)); }, py::arg("cell"))
      .def("cancel", &Sweep::cancel)
      // (studies done, seconds of threads spent on them) of every cell
      .def("progress", [](const Sweep& self) {
        std::vector<std::pair<std::size_t, double>> progress;
        for (std::size_t cell = 0; cell < self.size(); ++cell) {
          const Sweep::Progress now = self.progress(cell);
          progress.emplace_back(now.done, now.seconds);
        }
        return progress;
      });

  m.def("compiler", [] {
#if defined(__clang__)
    return std::string("Clang ") + __clang_version__;
#elif defined(__GNUC__)
    return std::string("GCC ") + __VERSION__;
#else
    return std::string("unknown");
#endif
  });

  // By the first `count` trials: metrics as columns of one row, and the steps of the best.
  m.def(
      "measure",
      [](const Reference& reference, const StudyTrace& trace, std::size_t count) {
        std::vector<Step> steps;
        append_steps(reference, trace, 0, steps);
        return py::make_tuple(columns(std::vector<StudyMetrics>{measure(reference, trace, count)}),
                              columns(steps));
      },
      py::arg("reference"), py::arg("trace"), py::arg("count"));
}

}  // namespace lehr::python
