// The optimiser: ask and tell. Results cross as plain numbers; names are the Python layer's business.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bind.hpp"
#include "convert.hpp"
#include "lehr/estimators/gpu/gpu.hpp"
#include "lehr/search/optimizer.hpp"
#include "named.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

Options make_options(const std::string& method, const std::string& preset, const std::string& direction,
                     std::vector<std::pair<std::string, double>> constraints, std::size_t budget,
                     std::uint64_t seed, std::optional<bool> allow_repeats,
                     const std::map<std::string, double>& overrides, const std::string& acquisition) {
  Options options = preset_options(method_from(method), preset_from(preset));
  options.direction = direction == "maximize" ? Direction::maximize : Direction::minimize;
  for (auto& [metric, limit] : constraints) options.constraints.push_back({std::move(metric), limit});
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

Result make_result(const std::string& outcome, double objective, std::vector<double> metrics,
                   double seconds) {
  return {outcome_from(outcome), objective, std::move(metrics), seconds};
}

// Every search that Python holds was made below.
const NamedOptimizer& named(const Optimizer& self) { return static_cast<const NamedOptimizer&>(self); }

py::tuple asked(const Optimizer& self, std::size_t trial) {
  return py::make_tuple(trial, named(self).config(self.history().codes(trial)),
                        text(self.history().origin(trial)));
}

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
      trial, named(self).config(history.codes(trial)), text(history.origin(trial)),
      standing == Standing::pending ? py::object(py::none()) : py::cast(text(history.outcome(trial))),
      history.objective(trial), std::vector<double>(metrics.begin(), metrics.end()),
      standing == Standing::feasible, history.violation(trial));
}

py::list events(const Optimizer& self) {
  py::list list;
  for (const Optimizer::Event& event : self.events()) list.append(py::make_tuple(event.trial, event.tell));
  return list;
}

}  // namespace

void bind_search(py::module_& m) {
  py::class_<Optimizer>(m, "Optimizer", "Ask and tell over one space; see lehr.Optimizer.")
      .def(py::init([](std::shared_ptr<Space> space, const std::string& method, const std::string& preset,
                       const std::string& direction, std::vector<std::pair<std::string, double>> constraints,
                       std::size_t budget, std::uint64_t seed, std::optional<bool> allow_repeats,
                       const std::map<std::string, double>& overrides, const std::string& acquisition) {
             return std::unique_ptr<Optimizer>(std::make_unique<NamedOptimizer>(
                 std::move(space), make_options(method, preset, direction, std::move(constraints), budget,
                                                seed, allow_repeats, overrides, acquisition)));
           }),
           py::arg("space"), py::arg("method"), py::arg("preset"), py::arg("direction"),
           py::arg("constraints"), py::arg("budget"), py::arg("seed"), py::arg("allow_repeats"),
           py::arg("overrides"), py::arg("acquisition") = "ratio")
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
             std::vector<double> metrics, double seconds) {
            self.tell(trial, make_result(outcome, objective, std::move(metrics), seconds));
            const History& history = self.history();
            return py::make_tuple(history.standing(trial) == Standing::feasible, history.violation(trial));
          },
          py::arg("trial"), py::arg("outcome"), py::arg("objective"), py::arg("metrics"),
          py::arg("seconds") = missing)
      .def(
          "add",
          [](Optimizer& self, const py::dict& config, const std::string& outcome, double objective,
             std::vector<double> metrics, double seconds) {
            return self.add(from_dict(self.space(), config),
                            make_result(outcome, objective, std::move(metrics), seconds));
          },
          py::arg("config"), py::arg("outcome"), py::arg("objective"), py::arg("metrics"),
          py::arg("seconds") = missing)
      .def(
          "enqueue",
          [](Optimizer& self, const py::dict& config) { self.enqueue(from_dict(self.space(), config)); },
          py::arg("config"))
      .def("queue",
           [](const Optimizer& self) {
             py::list list;
             for (const Configuration& configuration : self.queue())
               list.append(to_dict(self.space(), configuration));
             return list;
           })
      .def("record", &record, py::arg("trial"))
      .def(
          "pending",
          [](const Optimizer& self, std::size_t trial) {
            check_trial(self, trial);
            return self.history().standing(trial) == Standing::pending;
          },
          py::arg("trial"))
      .def("events", &events)
      .def("__len__", [](const Optimizer& self) { return self.history().size(); })
      .def_property_readonly("best", [](const Optimizer& self) { return self.history().best(); })
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
      .def_property_readonly("allow_repeats",
                             [](const Optimizer& self) { return self.options().allow_repeats; })
      .def_property_readonly("options", [](const Optimizer& self) {
        py::dict table;
        for (const OptionInfo& info : option_table(self.options())) table[py::str(info.name)] = info.value;
        return table;
      });
}

}  // namespace lehr::python
