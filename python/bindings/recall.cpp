// A search rebuilt from trials that are kept elsewhere, such as in an Optuna storage: many rows in one call,
// and proposals that register nothing.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cmath>

#include "bind.hpp"
#include "lehr/search/optimizer.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

template <class T>
using Column = py::array_t<T, py::array::c_style | py::array::forcecast>;

constexpr int pending = -1;

// Multiples of a decimal step come with rounding errors.
double legal_code(const Variable& variable, double code) {
  const double nearest = variable.nearest(code);
  const double tolerance = variable.kind == Kind::real ? 1e-6 * variable.step : 0.0;
  if (std::abs(nearest - code) <= tolerance) return nearest;
  throw py::value_error(variable.name + ": " + std::to_string(code) + " is not a legal code");
}

// codes (n, variables), NaN where a variable was not looked at; outcomes (n), a position in the list of
// outcomes or -1 while pending; objectives (n); metrics (n, constraints); settled (n).
void recall(Optimizer& self, const Column<double>& codes, const Column<int>& outcomes,
            const Column<double>& objectives, const Column<double>& metrics, const Column<bool>& settled) {
  const auto n = static_cast<std::size_t>(outcomes.size());
  const std::size_t width = self.space().size();
  const std::size_t limits = self.options().constraints.size();
  const auto entries = [](const auto& column) { return static_cast<std::size_t>(column.size()); };
  if (entries(codes) != n * width || entries(objectives) != n || entries(metrics) != n * limits ||
      entries(settled) != n) {
    throw py::value_error("the columns of the trials to recall do not fit each other and the space");
  }
  for (std::size_t row = 0; row < n; ++row) {
    const double* first = codes.data() + row * width;
    Configuration partial(first, first + width);
    for (std::size_t i = 0; i < width; ++i) {
      if (!std::isnan(partial[i])) partial[i] = legal_code(self.space().variable(i), partial[i]);
    }
    const int outcome = outcomes.data()[row];
    if (outcome == pending) {
      self.recall(partial, nullptr, settled.data()[row]);
      continue;
    }
    if (outcome < 0 || outcome > static_cast<int>(Outcome::early_stopped))
      throw py::value_error(std::to_string(outcome) + " is not the number of an outcome");
    const double* measured = metrics.data() + row * limits;
    const Result result{static_cast<Outcome>(outcome), objectives.data()[row], {measured, measured + limits}};
    self.recall(partial, &result, settled.data()[row]);
  }
}

}  // namespace

void bind_recall(py::module_& m) {
  auto optimizer = py::reinterpret_borrow<py::class_<Optimizer>>(m.attr("Optimizer"));
  optimizer
      .def("recall", &recall, py::arg("codes"), py::arg("outcomes"), py::arg("objectives"),
           py::arg("metrics"), py::arg("settled"))
      .def(
          "propose",
          [](Optimizer& self, std::uint64_t seed, std::uint64_t stream) {
            const Proposal proposal = self.propose(seed, stream);
            return std::pair<std::vector<double>, std::string>(proposal.configuration, text(proposal.origin));
          },
          py::arg("seed"), py::arg("stream"));
}

}  // namespace lehr::python
