#include "lehr/space/space.hpp"

#include <pybind11/functional.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bind.hpp"
#include "convert.hpp"
#include "lehr/base/error.hpp"
#include "lehr/space/check.hpp"
#include "lehr/space/enumerate.hpp"
#include "lehr/space/neighbours.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

Kind kind_of(const std::string& name) {
  if (name == "categorical") return Kind::categorical;
  if (name == "ordinal") return Kind::ordinal;
  if (name == "int") return Kind::integer;
  if (name == "float") return Kind::real;
  throw py::value_error("unknown kind of variable '" + name + "'");
}

Variable listed(const std::string& kind, const std::string& name, const py::iterable& choices,
                const py::object& when) {
  Variable v;
  v.name = name;
  v.kind = kind_of(kind);
  for (const py::handle choice : choices) v.choices.push_back(to_value(choice));
  v.when = to_condition(when);
  return v;
}

Variable ranged(const std::string& kind, const std::string& name, double low, double high, bool log,
                double step, const py::object& when) {
  Variable v;
  v.name = name;
  v.kind = kind_of(kind);
  v.low = low;
  v.high = high;
  v.log = log;
  v.step = step;
  v.when = to_condition(when);
  return v;
}

std::vector<Condition> conditions(const py::iterable& objects) {
  std::vector<Condition> result;
  for (const py::handle object : objects) result.push_back(to_condition(object));
  return result;
}

}  // namespace

void bind_space(py::module_& m) {
  py::class_<Variable>(m, "Variable",
                       "One variable of a space; `when` is a condition as nested tuples, or None.")
      .def_static("listed", &listed, py::arg("kind"), py::arg("name"), py::arg("choices"),
                  py::arg("when") = py::none())
      .def_static("ranged", &ranged, py::arg("kind"), py::arg("name"), py::arg("low"), py::arg("high"),
                  py::arg("log"), py::arg("step"), py::arg("when") = py::none())
      .def_readonly("name", &Variable::name)
      .def_readonly("low", &Variable::low)
      .def_readonly("high", &Variable::high)
      .def_readonly("log", &Variable::log)
      .def_readonly("step", &Variable::step)
      .def_property_readonly("discrete", &Variable::discrete)
      .def_property_readonly("cardinality", &Variable::cardinality)
      .def_property_readonly("domain", &Variable::domain)
      .def("code", &Variable::code, py::arg("k"))
      .def("nearest", &Variable::nearest, py::arg("code"))
      .def("legal", &Variable::legal, py::arg("code"))
      .def("to_unit", &Variable::to_unit, py::arg("code"))
      .def("from_unit", &Variable::from_unit, py::arg("position"));

  m.def(
      "condition_text", [](const py::object& condition) { return text(to_condition(condition)); },
      py::arg("condition"), "A condition in words.");
  m.def(
      "check_space",
      [](std::vector<Variable> variables, const py::iterable& forbidden, std::vector<std::string> mistakes,
         const std::vector<bool>& unusable) {
        Checked checked = check(variables, conditions(forbidden), unusable);
        mistakes.insert(mistakes.end(), checked.mistakes.begin(), checked.mistakes.end());
        if (!mistakes.empty()) throw SpaceError(std::move(mistakes));
      },
      py::arg("variables"), py::arg("forbidden"), py::arg("mistakes"), py::arg("unusable"),
      "Raise SpaceError with the given mistakes and all those found; unusable variables are known by name "
      "only.");

  py::class_<Space>(m, "Space",
                    "A hierarchical mixed space. Configurations are lists of codes, NaN where inactive.")
      .def(py::init([](std::vector<Variable> variables, const py::iterable& forbidden) {
             return Space(std::move(variables), conditions(forbidden));
           }),
           py::arg("variables"), py::arg("forbidden"))
      .def("__len__", &Space::size)
      .def("variable", &Space::variable, py::arg("i"), py::return_value_policy::reference_internal)
      .def(
          "active",
          [](const Space& s, std::size_t i, const Configuration& codes) { return s.active(i, codes); },
          py::arg("i"), py::arg("codes"))
      .def(
          "is_forbidden", [](const Space& s, const Configuration& codes) { return s.is_forbidden(codes); },
          py::arg("codes"))
      .def(
          "legal", [](const Space& s, const Configuration& codes) { return s.legal(codes); },
          py::arg("codes"))
      .def("encode", &from_dict, py::arg("config"))
      .def("decode", &to_dict, py::arg("codes"))
      .def("sample_codes", &Space::sample, py::arg("rng"))
      .def(
          "sample", [](const Space& s, Rng& rng) { return to_dict(s, s.sample(rng)); }, py::arg("rng"))
      .def("count", &Space::count)
      .def(
          "enumerate", [](const Space& s, std::size_t resolution) { return Enumerator(s, resolution); },
          py::arg("resolution"));

  py::class_<Enumerator>(m, "Enumerator", "Legal configurations as dicts, in lexicographic order of codes.")
      .def("__iter__", [](Enumerator& self) -> Enumerator& { return self; })
      .def("__next__", [](Enumerator& self) {
        const Configuration* codes = self.next();
        if (codes == nullptr) throw py::stop_iteration();
        return to_dict(self.space(), *codes);
      });
}

void bind_neighbours(py::module_& m) {
  m.def("structural_move", &structural_move, py::arg("space"), py::arg("codes"), py::arg("mask"),
        py::arg("rng"), "One categorical variable changed; None when there is no legal move.");
  m.def("numeric_move", &numeric_move, py::arg("space"), py::arg("codes"), py::arg("scale"),
        py::arg("own_scale"), py::arg("mask"), py::arg("rng"),
        "One other variable moved; None when there is no legal move.");
  m.def("all_neighbours", &all_neighbours, py::arg("space"), py::arg("codes"), py::arg("rng"),
        "Every legal one-step neighbour.");
}

}  // namespace lehr::python
