// The optimiser: ask and tell. Results cross as plain numbers; names are the Python layer's business.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <tuple>
#include <utility>

#include "bind.hpp"
#include "convert.hpp"
#include "lehr/base/error.hpp"
#include "lehr/estimators/gpu/gpu.hpp"
#include "lehr/search/optimizer.hpp"
#include "named.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

Options make_options(const std::string& method, const std::string& preset, const std::string& direction,
                     std::vector<std::tuple<std::string, double, std::string>> limits, std::size_t budget,
                     std::uint64_t seed, std::optional<bool> allow_repeats,
                     const std::map<std::string, double>& overrides, const std::string& acquisition) {
  Options options = preset_options(method_from(method), preset_from(preset));
  options.direction = direction == "maximize" ? Direction::maximize : Direction::minimize;
  for (auto& [metric, bound, side] : limits)
    options.constraints.push_back({std::move(metric), bound, side_from(side)});
  options.budget = budget;
  options.seed = seed;
  if (allow_repeats) options.allow_repeats = *allow_repeats;
  apply_overrides(options, overrides);
  options.tpe.acquisition = acquisition_from(acquisition);
  return options;
}

using OptionalGpu = std::optional<std::shared_ptr<gpu::Gpu>>;

Device device_from(const std::string& name) {
  return name == "cuda" ? Device::cuda : name == "auto" ? Device::automatic : Device::cpu;
}

// Standard errors of the objective and of the metrics, where told.
using Sems = std::optional<std::pair<double, std::vector<double>>>;

Result make_result(const std::string& outcome, double objective, std::vector<double> metrics, double seconds,
                   Sems sems) {
  Result result{outcome_from(outcome), objective, std::move(metrics), seconds};
  if (sems) std::tie(result.objective_sem, result.metrics_sem) = std::move(*sems);
  return result;
}

// Every search that Python holds was made below.
const NamedOptimizer& named(const Optimizer& self) { return static_cast<const NamedOptimizer&>(self); }

py::tuple asked(const Optimizer& self, std::size_t trial) {
  return py::make_tuple(trial, named(self).config(self.history().codes(trial)),
                        text(self.history().origin(trial)));
}

}  // namespace

void bind_search(py::module_& m) {
  m.def("origins", &origins, "Where a configuration may have come from.");
  py::class_<Optimizer>(m, "Optimizer", "Ask and tell over one space; see lehr.Optimizer.")
      .def(py::init([](std::shared_ptr<Space> space, const std::string& method, const std::string& preset,
                       const std::string& direction,
                       std::vector<std::tuple<std::string, double, std::string>> limits, std::size_t budget,
                       std::uint64_t seed, std::optional<bool> allow_repeats,
                       const std::map<std::string, double>& overrides, const std::string& acquisition) {
             return std::unique_ptr<Optimizer>(std::make_unique<NamedOptimizer>(
                 std::move(space), make_options(method, preset, direction, std::move(limits), budget, seed,
                                                allow_repeats, overrides, acquisition)));
           }),
           py::arg("space"), py::arg("method"), py::arg("preset"), py::arg("direction"), py::arg("limits"),
           py::arg("budget"), py::arg("seed"), py::arg("allow_repeats"), py::arg("overrides"),
           py::arg("acquisition") = "ratio")
      .def("ask",
           [](Optimizer& self) {
             // The lock of the interpreter is kept: an ask takes microseconds, and it is what lets threads
             // share one search.
             const std::size_t trial = self.ask();
             return asked(self, trial);
           })
      .def(
          "replay_ask",
          [](Optimizer& self, const py::dict& config, const std::string& origin) {
            return asked(self, self.replay_ask(from_dict(self.space(), config), origin_from(origin)));
          },
          py::arg("config"), py::arg("origin"))
      .def(
          "tell",
          [](Optimizer& self, std::size_t trial, const std::string& outcome, double objective,
             std::vector<double> metrics, double seconds, Sems sems) {
            self.tell(trial, make_result(outcome, objective, std::move(metrics), seconds, std::move(sems)));
            const History& history = self.history();
            return py::make_tuple(history.standing(trial) == Standing::feasible, history.violation(trial));
          },
          py::arg("trial"), py::arg("outcome"), py::arg("objective"), py::arg("metrics"),
          py::arg("seconds") = missing, py::arg("sems") = py::none())
      .def(
          "add",
          [](Optimizer& self, const py::dict& config, const std::string& outcome, double objective,
             std::vector<double> metrics, double seconds, Sems sems) {
            return self.add(from_dict(self.space(), config),
                            make_result(outcome, objective, std::move(metrics), seconds, std::move(sems)));
          },
          py::arg("config"), py::arg("outcome"), py::arg("objective"), py::arg("metrics"),
          py::arg("seconds") = missing, py::arg("sems") = py::none())
      .def(
          "enqueue",
          [](Optimizer& self, const py::dict& config) { self.enqueue(from_dict(self.space(), config)); },
          py::arg("config"))
      .def(
          "rule_out",
          [](Optimizer& self, std::size_t trial, const std::vector<std::string>& variables) {
            std::vector<std::size_t> chosen;
            for (const std::string& name : variables) {
              const std::optional<std::size_t> found = self.space().find(name);
              if (!found) throw OptionError("the space has no variable '" + name + "' to rule out by");
              chosen.push_back(*found);
            }
            self.rule_out(trial, std::move(chosen));
          },
          py::arg("trial"), py::arg("variables"))
      .def_property_readonly("phase", &Optimizer::phase)
      .def_property_readonly("stage", &Optimizer::stage)
      .def_property_readonly("temperature", &Optimizer::temperature)
      .def("explain", &Optimizer::explain)
      .def("split",
           [](Optimizer& self) {
             const Split parts = self.split();
             return py::make_tuple(parts.below, parts.above);
           })
      .def(
          "score",
          [](Optimizer& self, const py::list& configs, const std::string& device, OptionalGpu gpu) {
            std::vector<Configuration> configurations;
            for (const py::handle config : configs) {
              configurations.push_back(from_dict(self.space(), py::cast<py::dict>(config)));
            }
            return self.score(configurations, device_from(device), gpu ? gpu->get() : nullptr);
          },
          py::arg("configs"), py::arg("device"), py::arg("gpu"))
      .def(
          "use",
          [](Optimizer& self, const std::string& device, OptionalGpu gpu) {
            self.use(device_from(device), gpu.value_or(nullptr));
          },
          py::arg("device"), py::arg("gpu"))
      .def_property_readonly("method", [](const Optimizer& self) { return text(self.options().method); })
      .def_property_readonly("preset", [](const Optimizer& self) { return text(self.options().preset); })
      .def_property_readonly("direction",
                             [](const Optimizer& self) { return text(self.options().direction); })
      .def_property_readonly("acquisition",
                             [](const Optimizer& self) { return text(self.options().tpe.acquisition); })
      .def_property_readonly("budget", [](const Optimizer& self) { return self.options().budget; })
      .def_property_readonly("seed", [](const Optimizer& self) { return self.options().seed; })
      .def_property_readonly("allow_repeats",
                             [](const Optimizer& self) { return self.options().allow_repeats; })
      // (metric, bound, side) of each
      .def_property_readonly("limits",
                             [](const Optimizer& self) {
                               std::vector<std::tuple<std::string, double, std::string>> limits;
                               for (const Constraint& constraint : self.options().constraints)
                                 limits.emplace_back(constraint.metric, constraint.limit,
                                                     text(constraint.side));
                               return limits;
                             })
      .def_property_readonly("options", [](const Optimizer& self) {
        py::dict table;
        for (const OptionInfo& info : option_table(self.options())) table[py::str(info.name)] = info.value;
        return table;
      });
}

}  // namespace lehr::python
