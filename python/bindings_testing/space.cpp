// What a space knows of codes and never tells Python: which are legal, and where they lie in [0, 1].
#include "lehr/space/space.hpp"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bind.hpp"

namespace py = pybind11;

namespace lehr::python {

void bind_space(py::module_& m) {
  m.def("variable", &Space::variable, py::arg("space"), py::arg("i"), py::return_value_policy::reference,
        py::keep_alive<0, 1>(), "The lehr._core.Variable of a position.");
  m.def(
      "legal", [](const Space& space, const Configuration& codes) { return space.legal(codes); },
      py::arg("space"), py::arg("codes"));
  m.def(
      "legal_code", [](const Variable& variable, double code) { return variable.legal(code); },
      py::arg("variable"), py::arg("code"));
  m.def(
      "code_of", [](const Variable& variable, std::size_t k) { return variable.code(k); },
      py::arg("variable"), py::arg("k"), "The k-th code of a discrete variable.");
  m.def(
      "to_unit", [](const Variable& variable, double code) { return variable.to_unit(code); },
      py::arg("variable"), py::arg("code"));
  m.def(
      "from_unit", [](const Variable& variable, double position) { return variable.from_unit(position); },
      py::arg("variable"), py::arg("position"));
}

}  // namespace lehr::python
