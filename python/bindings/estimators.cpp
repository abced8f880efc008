#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <mutex>
#include <vector>

#include "arrays.hpp"
#include "bind.hpp"
#include "lehr/base/rng.hpp"
#include "lehr/estimators/gpu/gpu.hpp"
#include "lehr/estimators/parzen.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

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

  py::array_t<double> log_pdf(const Array& points,
                              const std::optional<std::shared_ptr<gpu::Gpu>>& gpu) const {
    const std::size_t n = rows(points, dimensions_.size(), "points");
    py::array_t<double> out(static_cast<py::ssize_t>(n));
    const std::span<double> result(out.mutable_data(), n);
    const std::span<const double> values = view(points);
    {
      const py::gil_scoped_release release;  // numbers only; both arrays are kept alive by this frame
      const std::scoped_lock lock(mutex_);
      if (!gpu) {
        estimator_.log_pdf(values, n, result);
      } else {
        (*gpu)->score(estimator_, nullptr, values, n, result);
      }
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
      estimator_.sample(rng, n, {values, n * width});
    }
    return out;
  }

  bool worth_gpu(std::size_t points, gpu::Gpu& gpu) const {
    const py::gil_scoped_release release;  // no Python object is touched; it may start CUDA
    const std::scoped_lock lock(mutex_);
    return gpu.worth(estimator_, points, estimator_.kernels());
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
      .def("log_pdf", &BoundEstimator::log_pdf, py::arg("points"), py::arg("gpu") = py::none())
      .def("sample", &BoundEstimator::sample, py::arg("n"), py::arg("seed"))
      .def("worth_gpu", &BoundEstimator::worth_gpu, py::arg("points"), py::arg("gpu"),
           "Whether device 'auto' should score so many points on the GPU.")
      .def_property_readonly("kernels", &BoundEstimator::kernels);
}

}  // namespace lehr::python
