// The innermost loops of the estimators: which ones this machine runs, and how fast they can be.
#include "lehr/estimators/loops.hpp"

#include <pybind11/pybind11.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "bind.hpp"
#include "checks.hpp"
#include "lehr/base/rng.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

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

void bind_loops(py::module_& m) {
  m.def("mix_rate", &mix_rate, py::arg("normals"), py::arg("tables"), py::arg("rows"),
        py::arg("seconds") = 0.2,
        "Kernels at points a second of the innermost loop with everything in cache; best of many.");
  m.def("isa", [] { return loops().name; }, "Name of the instruction set that the loops use.");
}

}  // namespace lehr::python
