// The Parzen estimator that grows with a history, as a search keeps it.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <vector>

#include "arrays.hpp"
#include "bind.hpp"
#include "lehr/base/rng.hpp"
#include "lehr/estimators/parzen.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

class BoundGrowing {
 public:
  BoundGrowing(std::vector<Dimension> dimensions, double prior_weight) : dimensions_(std::move(dimensions)) {
    estimator_.begin(dimensions_, prior_weight);
  }

  void append(const Array& row, bool counts) {
    if (static_cast<std::size_t>(row.size()) != dimensions_.size())
      throw OptionError("a row must have one value per dimension");
    estimator_.append(view(row), counts);
  }

  void set_counts(std::size_t slot, bool counts) {
    if (slot >= estimator_.slots()) throw py::index_error("no such slot");
    estimator_.set_counts(slot, counts);
  }

  void settle() { estimator_.settle(); }

  py::array_t<double> log_pdf(const Array& points) {
    const std::size_t n = rows(points, dimensions_.size(), "points");
    py::array_t<double> out(static_cast<py::ssize_t>(n));
    estimator_.settle();
    estimator_.log_pdf(view(points), n, {out.mutable_data(), n});
    return out;
  }

  py::array_t<double> sample(std::size_t n, std::uint64_t seed) {
    const std::size_t width = dimensions_.size();
    py::array_t<double> out({n, width});
    estimator_.settle();
    Rng rng(seed);
    estimator_.sample(rng, n, {out.mutable_data(), n * width});
    return out;
  }

  std::size_t kernels() {
    estimator_.settle();
    return estimator_.kernels();
  }
  std::size_t bytes() const { return estimator_.bytes(); }

 private:
  std::vector<Dimension> dimensions_;
  ParzenEstimator estimator_;
};

}  // namespace

void bind_growing(py::module_& m) {
  py::class_<BoundGrowing>(
      m, "GrowingParzenEstimator",
      "The same mixture, kept up to date: a slot per observation, each of which counts or not.")
      .def(py::init<std::vector<Dimension>, double>(), py::arg("dimensions"), py::arg("prior_weight") = 1.0)
      .def("append", &BoundGrowing::append, py::arg("row"), py::arg("counts"))
      .def("set_counts", &BoundGrowing::set_counts, py::arg("slot"), py::arg("counts"))
      .def("settle", &BoundGrowing::settle)
      .def("log_pdf", &BoundGrowing::log_pdf, py::arg("points"))
      .def("sample", &BoundGrowing::sample, py::arg("n"), py::arg("seed"))
      .def_property_readonly("kernels", &BoundGrowing::kernels)
      .def_property_readonly("bytes", &BoundGrowing::bytes);
}

}  // namespace lehr::python
