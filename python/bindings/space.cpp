#include "lehr/space/space.hpp"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include "bind.hpp"
#include "convert.hpp"
#include "lehr/base/error.hpp"
#include "lehr/space/check.hpp"
#include "lehr/space/enumerate.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

using Objects = py::typing::Iterable<py::object>;
using Config = py::typing::Dict<py::str, py::object>;

Kind kind_of(const std::string& name) {
  if (name == "categorical") return Kind::categorical;
  if (name == "ordinal") return Kind::ordinal;
  if (name == "int") return Kind::integer;
  if (name == "float") return Kind::real;
  throw py::value_error("unknown kind of variable '" + name + "'");
}

Variable listed(const std::string& kind, const std::string& name, const Objects& choices,
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

std::vector<Condition> conditions(const Objects& objects) {
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
      .def_readonly("low", &Variable::low)
      .def_readonly("high", &Variable::high)
      .def_readonly("log", &Variable::log)
      .def_readonly("step", &Variable::step)
      .def_property_readonly("discrete", &Variable::discrete)
      .def_property_readonly("cardinality", &Variable::cardinality);

  m.def(
      "check_space",
      [](std::vector<Variable> variables, const Objects& forbidden, std::vector<std::string> mistakes,
         const std::vector<bool>& unusable) {
        Checked checked = check(variables, conditions(forbidden), unusable);
        mistakes.insert(mistakes.end(), checked.mistakes.begin(), checked.mistakes.end());
        if (!mistakes.empty()) throw SpaceError(std::move(mistakes));
      },
      py::arg("variables"), py::arg("forbidden"), py::arg("mistakes"), py::arg("unusable"),
      "Raise SpaceError with the given mistakes and all those found; unusable variables are known by name "
      "only.");

  py::class_<Enumerator>(m, "Enumerator", "Legal configurations as dicts, in lexicographic order of codes.")
      .def("__iter__", [](Enumerator& self) -> Enumerator& { return self; })
      .def("__next__", [](Enumerator& self) -> Config {
        const Configuration* codes = self.next();
        if (codes == nullptr) throw py::stop_iteration();
        return to_dict(self.space(), *codes);
      });

  py::class_<Space, std::shared_ptr<Space>>(
      m, "Space", "A hierarchical mixed space. Configurations are lists of codes, NaN where inactive.")
      .def(py::init([](std::vector<Variable> variables, const Objects& forbidden) {
             return Space(std::move(variables), conditions(forbidden));
           }),
           py::arg("variables"), py::arg("forbidden"))
      .def("__len__", &Space::size)
      .def(
          "encode", [](const Space& s, const Config& config) { return from_dict(s, config); },
          py::arg("config"))
      .def(
          "decode", [](const Space& s, const Configuration& codes) -> Config { return to_dict(s, codes); },
          py::arg("codes"))
      .def(
          "sample", [](const Space& s, Rng& rng) -> Config { return to_dict(s, s.sample(rng)); },
          py::arg("rng"))
      .def("count", &Space::count)
      .def(
          "enumerate", [](const Space& s, std::size_t resolution) { return Enumerator(s, resolution); },
          py::arg("resolution"));
}

}  // namespace lehr::python
