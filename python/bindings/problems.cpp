// DeployBench's problems.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bind.hpp"
#include "checks.hpp"
#include "convert.hpp"
#include "lehr/problems/registry.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

py::object number_of(const Variable& variable, double value) {
  return variable.kind == Kind::integer ? py::object(py::int_(static_cast<long long>(value)))
                                        : py::object(py::float_(value));
}

py::object form_of(const Condition& condition) {
  py::dict form;
  if (condition.always()) return py::none();
  switch (condition.op) {
    case Operator::is_in: {
      py::list values;
      for (const Value& value : condition.values) values.append(to_python(value));
      form["op"] = "in";
      form["variable"] = condition.variable;
      form["values"] = values;
      return form;
    }
    case Operator::all_of:
    case Operator::any_of: {
      py::list operands;
      for (const Condition& operand : condition.operands) operands.append(form_of(operand));
      form["op"] = condition.op == Operator::all_of ? "and" : "or";
      form["operands"] = operands;
      return form;
    }
    case Operator::negation:
      form["op"] = "not";
      form["operand"] = form_of(condition.operands[0]);
      return form;
    default:
      break;
  }
  constexpr const char* names[] = {"==", "!=", "<", "<=", ">", ">="};
  form["op"] = names[static_cast<int>(condition.op)];
  form["variable"] = condition.variable;
  form["value"] = to_python(condition.values[0]);
  return form;
}

// The JSON form of a space (lehr.Space.from_json).
py::dict form_of(const Space& space) {
  constexpr const char* kinds[] = {"categorical", "ordinal", "int", "float"};
  py::list variables;
  for (const Variable& variable : space.variables()) {
    py::dict entry;
    entry["kind"] = kinds[static_cast<int>(variable.kind)];
    entry["name"] = variable.name;
    if (variable.kind == Kind::categorical || variable.kind == Kind::ordinal) {
      py::list choices;
      for (const Value& choice : variable.choices) choices.append(to_python(choice));
      entry[variable.kind == Kind::categorical ? "choices" : "values"] = choices;
    } else {
      entry["low"] = number_of(variable, variable.low);
      entry["high"] = number_of(variable, variable.high);
      entry["log"] = variable.log;
      entry["step"] = variable.step == 0.0 ? py::object(py::none()) : number_of(variable, variable.step);
    }
    entry["when"] = form_of(variable.when);
    variables.append(entry);
  }
  py::list forbid;
  for (const Condition& condition : space.forbidden()) forbid.append(form_of(condition));
  py::dict form;
  form["format"] = "lehr.space";
  form["version"] = 1;
  form["variables"] = variables;
  form["forbid"] = forbid;
  return form;
}

// (outcome, objective, metrics, seconds, cause)
py::tuple parts(const Evaluation& evaluation) {
  return py::make_tuple(text(evaluation.result.outcome), evaluation.result.objective,
                        evaluation.result.metrics, evaluation.seconds, std::string(evaluation.cause));
}

}  // namespace

void bind_problems(py::module_& m) {
  py::class_<Problem, std::shared_ptr<Problem>>(m, "Problem",
                                                "A problem of DeployBench; see lehr.bench.Problem.")
      .def_property_readonly("name", &Problem::name)
      .def_property_readonly("space_form", [](const Problem& self) { return form_of(*self.space()); })
      .def_property_readonly("objective", &Problem::objective)
      .def_property_readonly("direction",
                             [](const Problem& self) {
                               return self.direction() == Direction::maximize ? "maximize" : "minimize";
                             })
      .def_property_readonly("constraints",
                             [](const Problem& self) {
                               std::vector<std::pair<std::string, double>> limits;
                               for (const Constraint& constraint : self.constraints())
                                 limits.emplace_back(constraint.metric, constraint.limit);
                               return limits;
                             })
      .def_property_readonly("family",
                             [](const Problem& self) -> std::optional<std::string> {
                               if (!self.family()) return std::nullopt;
                               return self.space()->variable(*self.family()).name;
                             })
      .def(
          "evaluate",
          [](const Problem& self, const py::dict& config, std::uint64_t seed, std::uint64_t repeat) {
            return parts(self.evaluate(from_dict(*self.space(), config), {seed, repeat}));
          },
          py::arg("config"), py::arg("seed"), py::arg("repeat"))
      .def(
          "truth",
          [](const Problem& self, const py::dict& config) {
            return parts(self.truth(from_dict(*self.space(), config)));
          },
          py::arg("config"))
      // (config, objective, families, certificate)
      .def("optimum",
           [](const Problem& self) {
             const Optimum best = self.optimum();
             py::list families;
             for (const double code : best.families)
               families.append(to_python(self.space()->variable(*self.family()).decode(code)));
             const py::dict config =
                 best.configuration.empty() ? py::dict() : to_dict(*self.space(), best.configuration);
             return py::make_tuple(config, best.objective, families, best.certificate);
           })
      // Between values of the family variable and their codes, for problems that have one.
      .def(
          "family_value",
          [](const Problem& self, double code) {
            require(self.family().has_value(), "this problem has no families");
            const Variable& variable = self.space()->variable(*self.family());
            require(variable.legal(code), "there is no family of this code");
            return to_python(variable.decode(code));
          },
          py::arg("code"))
      .def(
          "family_code",
          [](const Problem& self, const py::object& value) {
            require(self.family().has_value(), "this problem has no families");
            const std::optional<double> code = self.space()->variable(*self.family()).encode(to_value(value));
            require(code.has_value(), "there is no such family");
            return *code;
          },
          py::arg("value"))
      .def("describe", &Problem::describe);
  m.def("problem_names", &problem_names);
  m.def(
      "make_problem",
      [](const std::string& name) { return std::const_pointer_cast<Problem>(make_problem(name)); },
      py::arg("name"));
}

}  // namespace lehr::python
