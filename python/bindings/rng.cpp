#include "lehr/base/rng.hpp"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bind.hpp"
#include "checks.hpp"

namespace py = pybind11;

namespace lehr::python {

void bind_rng(py::module_& m) {
  py::class_<Rng>(m, "Rng", "xoshiro256++ seeded by SplitMix64; the same sequence on every machine.")
      .def(py::init<std::uint64_t>(), py::arg("seed"))
      .def(py::init<std::uint64_t, std::uint64_t, std::uint64_t>(), py::arg("seed"), py::arg("number"),
           py::arg("purpose"))
      .def("next", &Rng::next)
      .def("uniform", py::overload_cast<>(&Rng::uniform))
      .def(
          "below",
          [](Rng& self, std::uint64_t n) {
            require(n > 0, "n must be at least 1");
            return self.below(n);
          },
          py::arg("n"))
      .def("normal", &Rng::normal)
      .def_property("state", &Rng::state, &Rng::restore);
}

}  // namespace lehr::python
