// What problems and studies on them are tested against: an optimum by search, a reference made up by hand.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "bind.hpp"
#include "lehr/problems/cost_network.hpp"
#include "lehr/problems/search_hard.hpp"
#include "lehr/sweep/metrics.hpp"

namespace py = pybind11;

namespace lehr::python {

void bind_problems(py::module_& m) {
  // Tables are (scope, costs, part), their last variable fastest. What is minimised is the largest of the
  // parts, plus a hundredth of the sum of the places, so that the bound is below the cost. Gives (places,
  // cost, proven, nodes).
  m.def(
      "minimise_costs",
      [](std::vector<std::size_t> sizes,
         const std::vector<std::tuple<std::vector<std::size_t>, std::vector<double>, std::size_t>>& tables,
         std::size_t parts, std::size_t most_nodes) {
        CostNetwork network;
        network.sizes = std::move(sizes);
        network.parts = parts;
        for (const auto& [scope, costs, part] : tables) {
          std::size_t next = 0;
          const auto cost = [&](std::span<const std::size_t>) { return costs.at(next++); };
          network.tables.push_back(tabulate(scope, network.sizes, cost));
          network.tables.back().part = part;
        }
        network.bound = [](std::span<const double> sums) {
          return *std::max_element(sums.begin(), sums.end());
        };
        network.cost = [&](std::span<const std::size_t> places) {
          std::vector<double> sums(network.parts, 0.0);
          for (const CostTable& table : network.tables) sums[table.part] += table.at(places);
          const auto own = static_cast<double>(std::accumulate(places.begin(), places.end(), std::size_t{0}));
          return network.bound(sums) + 0.01 * own;
        };
        CostMinimum found = minimise(network, most_nodes);
        return py::make_tuple(found.places, found.cost, found.proven, found.nodes);
      },
      py::arg("sizes"), py::arg("tables"), py::arg("parts"), py::arg("most_nodes"));
  m.def(
      "search_hard",
      [](const Problem& problem, std::size_t n, std::uint64_t seed) {
        const py::gil_scoped_release release;  // problems are immutable and know nothing of Python
        HardSearch found = search_hard(problem, n, seed);
        return std::tuple(std::move(found.configuration), found.objective, found.evaluations);
      },
      py::arg("problem"), py::arg("n"), py::arg("seed"),
      "The best feasible truth among n random and hill-climbing evaluations: (codes, empty where nothing is "
      "feasible, objective, evaluations).");
  m.def(
      "reference",
      [](double objective, bool maximize, std::vector<double> families, bool has_family) {
        return std::make_shared<Reference>(
            Reference{objective, maximize ? 1.0 : -1.0, std::move(families), has_family});
      },
      py::arg("objective"), py::arg("maximize"), py::arg("families"), py::arg("has_family"),
      "A lehr._core.Reference of these figures.");
}

}  // namespace lehr::python
