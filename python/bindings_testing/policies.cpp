// The policies of the search, bound one by one, so that each can be tested on made-up numbers and studied
// alone.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>
#include <tuple>
#include <vector>

#include "bind.hpp"
#include "lehr/search/acceptance.hpp"
#include "lehr/search/blacklist.hpp"
#include "lehr/search/estimate.hpp"
#include "lehr/search/handoff.hpp"
#include "lehr/search/schedule.hpp"
#include "lehr/search/split.hpp"
#include "lehr/search/temperature.hpp"
#include "lehr/search/violation.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

Stage stage_from(const std::string& name) {
  return name == "optimisation" ? Stage::optimisation : Stage::feasibility;
}

std::vector<Constraint> constraints_from(const std::vector<double>& limits) {
  std::vector<Constraint> constraints;
  for (const double limit : limits) constraints.push_back({"", limit});
  return constraints;
}

ViolationScale scale_from(bool relative) { return relative ? ViolationScale::relative : ViolationScale::raw; }

void bind_temperature(py::module_& m) {
  py::class_<Temperature>(m, "Temperature", "Adaptive temperature of the annealing (Eq. 8), paper constants.")
      .def(py::init([] { return Temperature(); }))
      .def_property_readonly("value", &Temperature::value)
      .def_property_readonly("unimproved", &Temperature::unimproved)
      .def(
          "improved", [](Temperature& self, const std::string& stage) { self.improved(stage_from(stage)); },
          py::arg("stage"))
      .def("not_improved", &Temperature::not_improved)
      .def("enter_optimisation", &Temperature::enter_optimisation);
}

void bind_blacklist(py::module_& m) {
  py::class_<Blacklist>(m, "Blacklist", "Masks of categorical values and pairs that keep failing.")
      .def(py::init([](const Space& space, bool pairs, std::size_t threshold, std::size_t cool_down) {
             return Blacklist(space, {true, pairs, threshold, cool_down});
           }),
           py::arg("space"), py::arg("pairs") = true, py::arg("threshold") = 3, py::arg("cool_down") = 8,
           py::keep_alive<1, 2>())
      .def(
          "observe",
          [](Blacklist& self, const Configuration& codes, bool feasible) { self.observe(codes, feasible); },
          py::arg("codes"), py::arg("feasible"))
      .def("masked", &Blacklist::masked, py::arg("variable"), py::arg("code"))
      .def(
          "pair_masked",
          [](const Blacklist& self, const Configuration& codes) { return self.pair_masked(codes); },
          py::arg("codes"))
      .def("entries", [](const Blacklist& self) {
        py::list list;
        for (const Blacklist::Entry& e : self.entries()) {
          if (e.pair) {
            list.append(
                py::make_tuple(e.variable, e.value, e.other_variable, e.other_value, e.failures, e.until));
          } else {
            list.append(py::make_tuple(e.variable, e.value, e.failures, e.until));
          }
        }
        return list;
      });
}

HandoffState handoff_state(std::size_t trials, std::size_t feasible, std::size_t bad,
                           const std::vector<std::tuple<std::string, std::size_t, std::size_t>>& diversity) {
  HandoffState state{trials, feasible, bad, {}};
  for (const auto& [variable, seen, choices] : diversity)
    state.diversity.push_back({variable, seen, choices});
  return state;
}

std::vector<Estimate> estimates(const std::vector<double>& values, const std::vector<double>& sems) {
  if (values.size() != sems.size()) throw py::value_error("values and sems differ in length");
  std::vector<Estimate> list;
  for (std::size_t i = 0; i < values.size(); ++i) list.push_back(measured(values[i], sems[i]));
  return list;
}

}  // namespace

void bind_policies(py::module_& m) {
  bind_temperature(m);
  bind_blacklist(m);
  m.def("accept_violation", &accept_violation, py::arg("current"), py::arg("proposed"),
        py::arg("temperature"), py::arg("unit"), py::arg("accept_equal") = true,
        "Probability of moving in the feasibility stage (Eq. 9, 10).");
  m.def("accept_score", &accept_score, py::arg("current"), py::arg("proposed"), py::arg("feasible"),
        py::arg("temperature"), py::arg("unit"), py::arg("accept_equal") = true,
        "Probability of moving in the optimisation stage (Eq. 11, 12).");
  m.def("score_unit", &score_unit, py::arg("lowest"), py::arg("highest"));
  m.def("doubling_horizon", &doubling_horizon, py::arg("n"));
  m.def("structural_probability", &structural_probability, py::arg("n"), py::arg("n_init"),
        py::arg("horizon"), py::arg("adaptive") = true, "Probability of a structural move (Eq. 13).");
  m.def("snap_back_probability", &snap_back_probability, py::arg("n"), py::arg("horizon"),
        py::arg("weight") = 0.4);
  m.def(
      "elite_restart_due", [](std::size_t n, double horizon) { return EliteRestart{}.due(n, horizon); },
      py::arg("n"), py::arg("horizon"));
  m.def(
      "violation",
      [](const std::vector<double>& metrics, const std::vector<double>& limits, bool relative) {
        if (metrics.size() != limits.size()) throw py::value_error("metrics and limits differ in length");
        return violation(metrics, constraints_from(limits), scale_from(relative));
      },
      py::arg("metrics"), py::arg("limits"), py::arg("relative") = true,
      "Sum of excesses over the limits (Eq. 3).");
  m.def(
      "violation_unit",
      [](const std::vector<double>& limits, bool relative) {
        return violation_unit(constraints_from(limits), scale_from(relative));
      },
      py::arg("limits"), py::arg("relative") = true);
  m.def(
      "combined",
      [](const std::vector<double>& values, const std::vector<double>& sems) {
        if (values.empty()) throw py::value_error("there is nothing to combine");
        const Estimate estimate = combined(estimates(values, sems));
        return py::make_tuple(estimate.value, estimate.variance);
      },
      py::arg("values"), py::arg("sems"), "Several measurements of one thing as one: value and variance.");
  m.def(
      "shrunk",
      [](const std::vector<double>& values, const std::vector<double>& sems) {
        return shrunk(estimates(values, sems));
      },
      py::arg("values"), py::arg("sems"), "What each of several like things is expected to be.");
  m.def("below_count", &below_count, py::arg("n"), py::arg("share") = 0.1, py::arg("limit") = 25);
  m.def(
      "handoff_waits_for",
      [](std::size_t trials, std::size_t feasible, std::size_t bad,
         const std::vector<std::tuple<std::string, std::size_t, std::size_t>>& diversity) {
        return waiting_for({}, handoff_state(trials, feasible, bad, diversity));
      },
      py::arg("trials"), py::arg("feasible"), py::arg("bad"), py::arg("diversity"),
      "What the handoff to TPE still waits for (Eq. 14); empty when it is due.");
}

}  // namespace lehr::python
