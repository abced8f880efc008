#include "lehr/space/neighbours.hpp"

#include <pybind11/functional.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bind.hpp"

namespace py = pybind11;

namespace lehr::python {

void bind_neighbours(py::module_& m) {
  // A mask answers masked(i, code) for discrete variables; None masks nothing.
  m.def(
      "structural_move",
      [](const Space& space, const Configuration& codes, const std::optional<Mask>& mask, Rng& rng) {
        return structural_move(space, codes, mask.value_or(Mask()), rng);
      },
      py::arg("space"), py::arg("codes"), py::arg("mask"), py::arg("rng"),
      "One categorical variable changed; None when there is no legal move.");
  m.def(
      "numeric_move",
      [](const Space& space, const Configuration& codes, double scale, bool own_scale,
         const std::optional<Mask>& mask,
         Rng& rng) { return numeric_move(space, codes, scale, own_scale, mask.value_or(Mask()), rng); },
      py::arg("space"), py::arg("codes"), py::arg("scale"), py::arg("own_scale"), py::arg("mask"),
      py::arg("rng"), "One other variable moved; None when there is no legal move.");
  m.def("all_neighbours", &all_neighbours, py::arg("space"), py::arg("codes"), py::arg("rng"),
        "Every legal one-step neighbour.");
}

}  // namespace lehr::python
