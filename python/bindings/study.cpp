// Studies on problems: methods in words, traces, and what they are worth.
#include "lehr/sweep/study.hpp"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>

#include "arrays.hpp"
#include "bind.hpp"
#include "convert.hpp"
#include "lehr/sweep/method.hpp"
#include "lehr/sweep/metrics.hpp"
#include "lehr/sweep/seeds.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

using Bytes = py::array_t<std::uint8_t, py::array::c_style | py::array::forcecast>;

py::array_t<double> column(const std::vector<double>& values) {
  return py::array_t<double>(static_cast<py::ssize_t>(values.size()), values.data());
}

// Enumerations as bytes, in the order of their declaration.
template <class T>
py::array_t<std::uint8_t> bytes(const std::vector<T>& values) {
  py::array_t<std::uint8_t> array(static_cast<py::ssize_t>(values.size()));
  std::transform(values.begin(), values.end(), array.mutable_data(),
                 [](T value) { return static_cast<std::uint8_t>(value); });
  return array;
}

// The columns that `measure` reads, for studies that ran elsewhere.
StudyTrace trace_of(const Bytes& feasible, const Array& objectives, const Array& truths,
                    const Bytes& truth_states, const Array& seconds, const Array& families) {
  const auto n = static_cast<std::size_t>(feasible.size());
  const auto read = [n](const Array& array) {
    const std::span<const double> values = view(array);
    if (values.size() != n) throw OptionError("the columns of a trace must be of one length");
    return std::vector<double>(values.begin(), values.end());
  };
  StudyTrace trace;
  trace.outcomes.resize(n);
  trace.origins.resize(n);
  trace.feasible.assign(feasible.data(), feasible.data() + n);
  trace.objectives = read(objectives);
  trace.truths = read(truths);
  trace.seconds = read(seconds);
  trace.families = read(families);
  if (static_cast<std::size_t>(truth_states.size()) != n)
    throw OptionError("the columns of a trace must be of one length");
  for (std::size_t i = 0; i < n; ++i)
    trace.truth_states.push_back(static_cast<TruthState>(std::min<std::uint8_t>(truth_states.data()[i], 2)));
  return trace;
}

py::list configurations(const StudyTrace& trace, const Problem& problem) {
  py::list list;
  const std::size_t width = problem.space()->size();
  for (auto row = trace.codes.begin(); row != trace.codes.end(); row += static_cast<std::ptrdiff_t>(width))
    list.append(to_dict(*problem.space(), {row, row + static_cast<std::ptrdiff_t>(width)}));
  return list;
}

}  // namespace

void bind_study(py::module_& m) {
  py::class_<MethodSpec>(m, "MethodSpec", "A method in words: method[:preset][/option=value ...].")
      .def(py::init([](const std::string& text) { return parse_method(text); }), py::arg("text"))
      .def("__str__", &MethodSpec::text);

  py::class_<Reference, std::shared_ptr<Reference>>(m, "Reference",
                                                    "What studies on a problem are measured against.")
      .def(py::init([](const Problem& problem) {
             const py::gil_scoped_release release;  // a search for the optimum touches no Python object
             return std::make_shared<Reference>(reference(problem));
           }),
           py::arg("problem"))
      .def_readonly("objective", &Reference::objective)
      .def_readonly("families", &Reference::families);

  py::class_<StudyTrace>(m, "StudyTrace", "The trials of one study in columns; see lehr.bench.Trace.")
      .def(py::init(&trace_of), py::arg("feasible"), py::arg("objectives"), py::arg("truths"),
           py::arg("truth_states"), py::arg("seconds"), py::arg("families"))
      .def("__len__", &StudyTrace::size)
      .def_property_readonly("outcomes", [](const StudyTrace& self) { return bytes(self.outcomes); })
      .def_property_readonly("feasible", [](const StudyTrace& self) { return bytes(self.feasible); })
      .def_property_readonly("objectives", [](const StudyTrace& self) { return column(self.objectives); })
      .def_property_readonly("truths", [](const StudyTrace& self) { return column(self.truths); })
      .def_property_readonly("truth_states", [](const StudyTrace& self) { return bytes(self.truth_states); })
      .def_property_readonly("seconds", [](const StudyTrace& self) { return column(self.seconds); })
      .def_property_readonly("families", [](const StudyTrace& self) { return column(self.families); })
      .def_property_readonly("origins",
                             [](const StudyTrace& self) {
                               py::list names;
                               for (const Origin origin : self.origins) names.append(text(origin));
                               return names;
                             })
      .def_readonly("phases", &StudyTrace::phases)
      .def_readonly("exhausted", &StudyTrace::exhausted)
      .def("configurations", &configurations, py::arg("problem"));

  // One study; its truths, configurations and phases are recorded.
  m.def(
      "run_study",
      [](const Problem& problem, const MethodSpec& method, std::size_t budget, std::uint64_t seed) {
        StudyTrace trace;
        const py::gil_scoped_release release;  // the study touches no Python object
        run_study(problem, method.options(problem, budget, seed), {true, true, true}, trace);
        return trace;
      },
      py::arg("problem"), py::arg("method"), py::arg("budget"), py::arg("seed"));
  m.def("hashed_seed", &hashed_seed, py::arg("index"));
}

}  // namespace lehr::python
