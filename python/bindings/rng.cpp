#include "lehr/base/rng.hpp"

#include <pybind11/pybind11.h>

#include "bind.hpp"
#include "checks.hpp"

namespace py = pybind11;

namespace lehr::python {

void bind_rng(py::module_& m) {
  py::class_<Rng>(m, "Rng", "xoshiro256++ seeded by SplitMix64; the same sequence on every machine.")
      .def(py::init<std::uint64_t>(), py::arg("seed"))
      .def(py::init<std::uint64_t, std::uint64_t, std::uint64_t>(), py::arg("seed"), py::arg("number"),
           py::arg("purpose"))
      .def(
          "below",
          [](Rng& self, std::uint64_t n) {
            require(n > 0, "n must be at least 1");
            return self.below(n);
          },
          py::arg("n"));
}

}  // namespace lehr::python
