#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cmath>
#include <limits>
#include <mutex>
#include <string>

#include "bind.hpp"
#include "lehr/base/error.hpp"
#include "lehr/base/rng.hpp"
#include "lehr/estimators/normal.hpp"
#include "lehr/estimators/parzen.hpp"
#include "lehr/estimators/truncated_normal.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

using Array = py::array_t<double, py::array::c_style | py::array::forcecast>;

std::span<const double> view(const Array& array) {
  return {array.data(), static_cast<std::size_t>(array.size())};
}

std::size_t rows(const Array& array, std::size_t dimensions, const char* what) {
  if (array.ndim() != 2 || static_cast<std::size_t>(array.shape(1)) != dimensions) {
    throw OptionError(std::string(what) + " must be an array of shape (n, " + std::to_string(dimensions) +
                      ").");
  }
  return static_cast<std::size_t>(array.shape(0));
}

// The core's estimator lends its scratch space to one caller at a time.
class BoundEstimator {
 public:
  BoundEstimator(std::vector<Dimension> dimensions, const Array& observations, double prior_weight)
      : dimensions_(std::move(dimensions)) {
    fit(observations, prior_weight);
  }

  void fit(const Array& observations, double prior_weight) {
    const std::size_t n = rows(observations, dimensions_.size(), "observations");
    const std::span<const double> values = view(observations);
    const py::gil_scoped_release release;  // numbers only; the caller's array is kept alive by the call
    const std::scoped_lock lock(mutex_);
    estimator_.fit(dimensions_, values, n, prior_weight);
  }

  py::array_t<double> log_pdf(const Array& points) const {
    const std::size_t n = rows(points, dimensions_.size(), "points");
    py::array_t<double> out(static_cast<py::ssize_t>(n));
    const std::span<double> result(out.mutable_data(), n);
    const std::span<const double> values = view(points);
    {
      const py::gil_scoped_release release;  // numbers only; both arrays are kept alive by this frame
      const std::scoped_lock lock(mutex_);
      estimator_.log_pdf(values, n, result);
    }
    return out;
  }

  py::array_t<double> sample(std::size_t n, std::uint64_t seed) const {
    const std::size_t width = dimensions_.size();
    py::array_t<double> out({n, width});
    double* const values = out.mutable_data();
    {
      const py::gil_scoped_release release;  // numbers only; the array is kept alive by this frame
      const std::scoped_lock lock(mutex_);
      Rng rng(seed);
      for (std::size_t i = 0; i < n; ++i) {
        const std::size_t kernel = estimator_.sample_kernel(rng);
        for (std::size_t d = 0; d < width; ++d) {
          values[i * width + d] = estimator_.sample_dimension(kernel, d, rng);
        }
      }
    }
    return out;
  }

  std::size_t kernels() const {
    const std::scoped_lock lock(mutex_);
    return estimator_.kernels();
  }

 private:
  std::vector<Dimension> dimensions_;
  ParzenEstimator estimator_;
  mutable std::mutex mutex_;
};

}  // namespace

void bind_estimators(py::module_& m) {
  py::class_<Dimension>(m, "Dimension", "What the Parzen estimator must know of a dimension.")
      .def(py::init([](std::size_t choices, double low, double high, bool log, double step) {
             return Dimension{choices, low, high, log, step};
           }),
           py::kw_only(), py::arg("choices") = 0, py::arg("low") = 0.0, py::arg("high") = 0.0,
           py::arg("log") = false, py::arg("step") = 0.0)
      .def_readonly("choices", &Dimension::choices)
      .def_readonly("low", &Dimension::low)
      .def_readonly("high", &Dimension::high)
      .def_readonly("log", &Dimension::log)
      .def_readonly("step", &Dimension::step);

  py::class_<BoundEstimator>(m, "ParzenEstimator",
                             "A mixture of product kernels over codes; NaN where inactive.")
      .def(py::init<std::vector<Dimension>, const Array&, double>(), py::arg("dimensions"),
           py::arg("observations"), py::arg("prior_weight") = 1.0)
      .def("fit", &BoundEstimator::fit, py::arg("observations"), py::arg("prior_weight") = 1.0)
      .def("log_pdf", &BoundEstimator::log_pdf, py::arg("points"))
      .def("sample", &BoundEstimator::sample, py::arg("n"), py::arg("seed"))
      .def_property_readonly("kernels", &BoundEstimator::kernels);

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
