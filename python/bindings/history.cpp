// What a search has recorded: its trials, and the order of its asks and tells.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bind.hpp"
#include "convert.hpp"
#include "lehr/search/optimizer.hpp"
#include "named.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

void check_trial(const Optimizer& self, std::size_t trial) {
  if (trial >= self.history().size()) throw py::index_error("no such trial");
}

// (number, config, origin, outcome or None, objective, metrics, feasible, violation)
py::tuple record(const Optimizer& self, std::size_t trial) {
  check_trial(self, trial);
  const History& history = self.history();
  const Standing standing = history.standing(trial);
  const auto metrics = history.metrics(trial);
  return py::make_tuple(
      trial, static_cast<const NamedOptimizer&>(self).config(history.codes(trial)),
      text(history.origin(trial)),
      standing == Standing::pending ? py::object(py::none()) : py::cast(text(history.outcome(trial))),
      history.objective(trial), std::vector<double>(metrics.begin(), metrics.end()),
      standing == Standing::feasible, history.violation(trial));
}

// (objective's standard error, those of the metrics), NaN where not known; None where none was told.
py::object sems(const Optimizer& self, std::size_t trial) {
  check_trial(self, trial);
  const History& history = self.history();
  if (!history.noisy()) return py::none();
  std::vector<double> metrics;
  for (std::size_t j = 0; j < self.options().constraints.size(); ++j)
    metrics.push_back(history.metric_sem(trial, j));
  return py::make_tuple(history.objective_sem(trial), metrics);
}

py::list events(const Optimizer& self) {
  py::list list;
  for (const Optimizer::Event& event : self.events()) list.append(py::make_tuple(event.trial, event.tell));
  return list;
}

}  // namespace

void bind_history(py::module_& m) {
  auto optimizer = py::reinterpret_borrow<py::class_<Optimizer>>(m.attr("Optimizer"));
  optimizer
      .def("queue",
           [](const Optimizer& self) {
             py::list list;
             for (const Configuration& configuration : self.queue())
               list.append(to_dict(self.space(), configuration));
             return list;
           })
      .def("record", &record, py::arg("trial"))
      .def("sems", &sems, py::arg("trial"))
      .def(
          "seconds",
          [](const Optimizer& self, std::size_t trial) {
            check_trial(self, trial);
            return self.history().seconds(trial);
          },
          py::arg("trial"))
      .def("events", &events)
      // (trial, names of variables) of each rule
      .def("rules",
           [](const Optimizer& self) {
             py::list list;
             for (const Optimizer::Rule& rule : self.rules()) {
               py::list names;
               for (const std::size_t i : rule.variables) names.append(self.space().variable(i).name);
               list.append(py::make_tuple(rule.trial, names));
             }
             return list;
           })
      .def("__len__", [](const Optimizer& self) { return self.history().size(); })
      .def_property_readonly("best", [](const Optimizer& self) { return self.history().best(); });
}

}  // namespace lehr::python
