// What only the guided search can do: learn from results of another search, and say that it is finished.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <tuple>
#include <utility>

#include "bind.hpp"
#include "convert.hpp"
#include "lehr/search/optimizer.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

// Configuration, outcome, objective, metrics; where told, standard errors of the objective and of the
// metrics.
using Learned = std::tuple<py::dict, std::string, double, std::vector<double>,
                           std::optional<std::pair<double, std::vector<double>>>>;

void learn(Optimizer& self, const std::vector<Learned>& results) {
  std::vector<PriorObservation> learned;
  for (const auto& [config, outcome, objective, metrics, sems] : results) {
    Result result{outcome_from(outcome), objective, metrics};
    if (sems) std::tie(result.objective_sem, result.metrics_sem) = *sems;
    learned.push_back({from_dict(self.space(), config), std::move(result)});
  }
  self.learn(std::move(learned));
}

py::list learned(const Optimizer& self) {
  py::list list;
  for (const PriorObservation& h : self.learned())
    list.append(py::make_tuple(to_dict(self.space(), h.configuration), text(h.result.outcome),
                               h.result.objective, h.result.metrics,
                               std::make_pair(h.result.objective_sem, h.result.metrics_sem)));
  return list;
}

}  // namespace

void bind_guided(py::module_& m) {
  auto optimizer = py::reinterpret_borrow<py::class_<Optimizer>>(m.attr("Optimizer"));
  optimizer.def("learn", &learn, py::arg("results"))
      .def("learned", &learned)
      .def_property_readonly("finished", &Optimizer::finished);
}

}  // namespace lehr::python
