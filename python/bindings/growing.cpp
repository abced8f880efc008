// The estimator that grows with a history, and the rate of its innermost loop: for tests and measurements.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "arrays.hpp"
#include "bind.hpp"
#include "checks.hpp"
#include "lehr/base/rng.hpp"
#include "lehr/estimators/loops.hpp"
#include "lehr/estimators/parzen.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

// For tests and measurements: what a search keeps of its history.
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

  std::size_t slots() const { return estimator_.slots(); }
  std::size_t kernels() {
    estimator_.settle();
    return estimator_.kernels();
  }
  std::size_t bytes() const { return estimator_.bytes(); }

 private:
  std::vector<Dimension> dimensions_;
  ParzenEstimator estimator_;
};

// Kernels evaluated a second, each at one point, by the innermost loop alone with all its arrays in cache:
// the most that scoring can reach here. Tables of `rows` rows stand for discrete and categorical dimensions.
double mix_rate(std::size_t normals, std::size_t tables, std::size_t rows, double seconds) {
  constexpr std::size_t kernels = 128, most = 1U << 20U;
  require(rows > 0, "rows must be at least 1");
  for (const std::size_t size : {normals, tables, rows}) require_at_most(size, most, "each size");
  require(seconds >= 0 && seconds <= 3600, "seconds must be from 0 to 3600");
  Rng rng(1);
  const auto numbers = [&rng](std::size_t n, double low, double high) {
    std::vector<double> values(n);
    for (double& value : values) value = rng.uniform(low, high);
    return values;
  };
  const std::vector<double> start(kernels, 0.0), slope(kernels, 1.0), offset = numbers(kernels, 0.0, 1.0);
  const std::vector<double> at = numbers(normals * most_lanes, 0.0, 1.0);
  const std::vector<double> table = numbers(rows * most_lanes, -1.0, 0.0);
  std::vector<std::uint32_t> index(kernels);
  for (std::uint32_t& row : index) row = static_cast<std::uint32_t>(rng.below(rows));
  const std::vector<const double*> slopes(normals, slope.data()), offsets(normals, offset.data());
  const std::vector<Table> looked_up(tables, Table{table.data(), index.data(), nullptr, rows, nullptr});
  const Mixture mixture{kernels,        most_lanes, start.data(), normals,         slopes.data(),
                        offsets.data(), at.data(),  tables,       looked_up.data()};
  double sums[most_lanes];
  double best = 0.0;
  const auto begin = std::chrono::steady_clock::now();
  for (;;) {
    constexpr std::size_t repeats = 64;
    const auto from = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < repeats; ++i) loops().mix(sums, mixture);
    const auto now = std::chrono::steady_clock::now();
    const double spent = std::chrono::duration<double>(now - from).count();
    best = std::max(best, static_cast<double>(repeats * kernels * most_lanes) / spent);
    if (std::chrono::duration<double>(now - begin).count() >= seconds) return best;
  }
}

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
      .def_property_readonly("slots", &BoundGrowing::slots)
      .def_property_readonly("kernels", &BoundGrowing::kernels)
      .def_property_readonly("bytes", &BoundGrowing::bytes);

  m.def("mix_rate", &mix_rate, py::arg("normals"), py::arg("tables"), py::arg("rows"),
        py::arg("seconds") = 0.2,
        "Kernels at points a second of the innermost loop with everything in cache; best of many.");
  m.def("isa", [] { return loops().name; }, "Name of the instruction set that the loops use.");
}

}  // namespace lehr::python
