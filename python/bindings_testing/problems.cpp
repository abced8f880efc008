// What problems and studies on them are tested against: an optimum by search, a reference made up by hand.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "bind.hpp"
#include "lehr/problems/search_hard.hpp"
#include "lehr/sweep/metrics.hpp"

namespace py = pybind11;

namespace lehr::python {

void bind_problems(py::module_& m) {
  m.def(
      "search_hard",
      [](const Problem& problem, std::size_t n, std::uint64_t seed) {
        const py::gil_scoped_release release;  // problems are immutable and know nothing of Python
        HardSearch found = search_hard(problem, n, seed);
        return std::tuple(std::move(found.configuration), found.objective, found.evaluations);
      },
      py::arg("problem"), py::arg("n"), py::arg("seed"),
      "The best feasible truth among n random and hill-climbing evaluations: (codes, empty where nothing is "
      "feasible, objective, evaluations).");
  m.def(
      "reference",
      [](double objective, bool maximize, std::vector<double> families, bool has_family) {
        return std::make_shared<Reference>(
            Reference{objective, maximize ? 1.0 : -1.0, std::move(families), has_family});
      },
      py::arg("objective"), py::arg("maximize"), py::arg("families"), py::arg("has_family"),
      "A lehr._core.Reference of these figures.");
}

}  // namespace lehr::python
