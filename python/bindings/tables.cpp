// Recorded problems, built from Python, and what is known of a problem by looking at all of it.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cmath>

#include "bind.hpp"
#include "convert.hpp"
#include "lehr/base/error.hpp"
#include "lehr/problems/survey.hpp"
#include "lehr/problems/table.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

using Limits = std::vector<std::pair<std::string, double>>;
// (outcome, objective, metrics, seconds, cause); None where nothing was measured
using Parts =
    std::tuple<std::string, std::optional<double>, std::vector<std::optional<double>>, double, std::string>;
using RowParts = std::pair<py::dict, std::vector<Parts>>;

Recording recording_of(const Parts& parts) {
  const auto& [outcome, objective, metrics, seconds, cause] = parts;
  Recording recording;
  recording.result.outcome = outcome_from(outcome);
  recording.result.objective = objective.value_or(missing);
  for (const std::optional<double>& metric : metrics)
    recording.result.metrics.push_back(metric.value_or(missing));
  recording.seconds = seconds;
  recording.cause = cause;
  return recording;
}

Direction direction_of(const std::string& name) {
  if (name == "maximize") return Direction::maximize;
  if (name == "minimize") return Direction::minimize;
  throw OptionError("direction is '" + name + "'; use maximize or minimize");
}

std::shared_ptr<TableProblem> table_of(std::string name, const std::shared_ptr<Space>& space,
                                       std::string objective, const std::string& direction,
                                       const Limits& constraints, std::optional<std::string> family,
                                       std::string description, const std::vector<RowParts>& rows) {
  TableForm form{std::move(name),   std::move(objective),  direction_of(direction), {},
                 std::move(family), std::move(description)};
  for (const auto& [metric, limit] : constraints) form.constraints.push_back({metric, limit});
  std::vector<Row> table;
  table.reserve(rows.size());
  for (const auto& [config, recordings] : rows) {
    Row row{from_dict(*space, config), {}};
    for (const Parts& parts : recordings) row.recordings.push_back(recording_of(parts));
    table.push_back(std::move(row));
  }
  return std::make_shared<TableProblem>(std::move(form), space, std::move(table));
}

py::object number_or_none(double value) {
  return std::isnan(value) ? py::object(py::none()) : py::object(py::float_(value));
}

}  // namespace

void bind_tables(py::module_& m) {
  py::class_<TableProblem, Problem, std::shared_ptr<TableProblem>>(
      m, "TableProblem",
      "A problem measured whole; rows are (config, [(outcome, objective, metrics, seconds, cause)]).")
      .def(py::init(&table_of), py::arg("name"), py::arg("space"), py::arg("objective"), py::arg("direction"),
           py::arg("constraints"), py::arg("family"), py::arg("description"), py::arg("rows"))
      .def("__len__", &TableProblem::rows);

  // Problems are immutable and know nothing of Python, so the lock is not needed while they are looked at.
  m.def(
      "invalid_share",
      [](const Problem& problem, std::size_t n, std::uint64_t seed) {
        Share share;
        {
          const py::gil_scoped_release release;
          share = invalid_share(problem, n, seed);
        }
        return py::make_tuple(share.share, share.low, share.high, share.exact, share.looked_at);
      },
      py::arg("problem"), py::arg("n"), py::arg("seed"), "(share, low, high, exact, looked_at)");
  m.def(
      "best_of_family",
      [](const Problem& problem) {
        std::vector<FamilyBest> table;
        {
          const py::gil_scoped_release release;
          table = best_of_family(problem);
        }
        py::list rows;
        for (const FamilyBest& family : table) {
          const Variable& variable = problem.space()->variable(*problem.family());
          rows.append(py::make_tuple(to_python(variable.decode(family.code)), family.configurations,
                                     family.feasible, number_or_none(family.objective)));
        }
        return rows;
      },
      py::arg("problem"), "[(family, configurations, feasible, best objective or None)]");
}

}  // namespace lehr::python
