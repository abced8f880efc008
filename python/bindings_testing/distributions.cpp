// Normal and truncated normal distributions, and the weights of observations.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <vector>

#include "arrays.hpp"
#include "bind.hpp"
#include "lehr/base/rng.hpp"
#include "lehr/estimators/normal.hpp"
#include "lehr/estimators/truncated_normal.hpp"
#include "lehr/estimators/weights.hpp"

namespace py = pybind11;

namespace lehr::python {

void bind_distributions(py::module_& m) {
  m.def("log_ndtr", py::vectorize(&log_ndtr), py::arg("x"),
        "Log of the standard normal distribution function.");
  m.def("ndtri", py::vectorize(&ndtri), py::arg("p"),
        "Inverse of the standard normal distribution function.");
  m.def("log_normal_mass", py::vectorize(&log_normal_mass), py::arg("a"), py::arg("b"),
        "Log of the standard normal mass in [a, b].");
  m.def("truncated_normal_log_pdf", py::vectorize(&truncated_normal_log_pdf), py::arg("x"), py::arg("mean"),
        py::arg("deviation"), py::arg("low"), py::arg("high"));
  m.def("truncated_normal_quantile",
        py::vectorize([](double u, double a, double b) { return truncated_normal_quantile(u, a, b); }),
        py::arg("u"), py::arg("a"), py::arg("b"));
  m.def(
      "truncated_normal_sample",
      [](double a, double b, std::size_t n, std::uint64_t seed) {
        py::array_t<double> out(static_cast<py::ssize_t>(n));
        Rng rng(seed);
        for (std::size_t i = 0; i < n; ++i)
          out.mutable_data()[i] = truncated_normal_quantile(rng.uniform(), a, b);
        return out;
      },
      py::arg("a"), py::arg("b"), py::arg("n"), py::arg("seed"),
      "Draws from the standard normal distribution truncated to [a, b].");
  m.def(
      "recency_weights",
      [](std::size_t n) {
        const std::vector<double> weights = recency_weights(n);
        return py::array_t<double>(static_cast<py::ssize_t>(n), weights.data());
      },
      py::arg("n"), "How much each of n observations counts, oldest first.");
}

}  // namespace lehr::python
