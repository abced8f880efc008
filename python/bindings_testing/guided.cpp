// The parts of the guided search one by one, so that each can be tested on made-up numbers.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <vector>

#include "bind.hpp"
#include "lehr/search/guided/failure_model.hpp"
#include "lehr/search/guided/gaussian_process.hpp"
#include "lehr/search/guided/normal_tail.hpp"
#include "lehr/search/guided/warp.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

using Rows = std::vector<std::vector<double>>;

// choices: of each feature; 0 for a numeric one, with unit positions.
std::vector<guided::Feature> features(const std::vector<std::size_t>& choices) {
  std::vector<guided::Feature> list;
  for (std::size_t j = 0; j < choices.size(); ++j) list.push_back({j, choices[j], 0});
  return list;
}

std::vector<double> flat(const Rows& rows, std::size_t width) {
  std::vector<double> values;
  for (const std::vector<double>& row : rows) {
    if (row.size() != width) throw py::value_error("a row must have one value per feature");
    values.insert(values.end(), row.begin(), row.end());
  }
  return values;
}

class BoundProcess {
 public:
  BoundProcess(const std::vector<std::size_t>& choices, bool mains, bool whole)
      : width_(choices.size()), process_(features(choices), {mains, whole}) {}

  void fit(const Rows& rows, const std::vector<double>& values, double scale, std::size_t evaluations,
           const std::vector<double>& variances) {
    if (rows.size() != values.size()) throw py::value_error("rows and values differ in number");
    if (!variances.empty() && variances.size() != values.size())
      throw py::value_error("variances and values differ in number");
    process_.set(flat(rows, width_), values, variances, scale);
    process_.refine(evaluations);
    process_.condition();
  }

  py::tuple predict(const Rows& rows) const {
    std::vector<double> mean(rows.size()), variance(rows.size());
    process_.predict(flat(rows, width_), mean, variance);
    return py::make_tuple(mean, variance);
  }

  guided::GaussianProcess& process() { return process_; }

 private:
  std::size_t width_;
  guided::GaussianProcess process_;
};

py::dict cause(const guided::FailureModel::Cause& c) {
  py::dict d;
  d["probability"] = c.probability;
  py::list values;
  for (std::size_t v = 0; v < c.values; ++v) values.append(py::make_tuple(c.feature[v], c.choice[v]));
  d["values"] = values;
  d["stretch"] = c.stretch ? py::object(py::make_tuple(c.numeric, c.above, c.threshold)) : py::none();
  d["failed"] = c.failed;
  d["tried"] = c.tried;
  return d;
}

}  // namespace

void bind_guided(py::module_& m) {
  py::class_<guided::FailureModel>(m, "FailureModel",
                                   "P(success), by credit assignment over values and stretches.")
      .def(py::init([](const std::vector<std::size_t>& choices) {
             return guided::FailureModel(features(choices));
           }),
           py::arg("choices"))
      .def(
          "observe",
          [](guided::FailureModel& self, const std::vector<double>& row, bool ran, double weight) {
            self.observe(row, ran, weight);
          },
          py::arg("row"), py::arg("ran"), py::arg("weight") = 1.0)
      .def(
          "probability",
          [](guided::FailureModel& self, const std::vector<double>& row) {
            self.settle();
            return self.probability(row);
          },
          py::arg("row"))
      .def(
          "causes",
          [](guided::FailureModel& self, double at_least) {
            self.settle();
            py::list list;
            for (const guided::FailureModel::Cause& c : self.causes(at_least)) list.append(cause(c));
            return list;
          },
          py::arg("at_least") = 0.5)
      .def_property_readonly("accident", [](guided::FailureModel& self) {
        self.settle();
        return self.accident();
      });
  py::class_<BoundProcess>(m, "GaussianProcess", "Additive and joint effects over mixed features.")
      .def(py::init<const std::vector<std::size_t>&, bool, bool>(), py::arg("choices"),
           py::arg("mains") = true, py::arg("whole") = true)
      .def("fit", &BoundProcess::fit, py::arg("rows"), py::arg("values"), py::arg("scale") = 1.0,
           py::arg("evaluations") = 100, py::arg("variances") = std::vector<double>{})
      .def("predict", &BoundProcess::predict, py::arg("rows"))
      .def_property_readonly("noise_variance",
                             [](BoundProcess& self) { return self.process().noise_variance(); })
      .def_property_readonly("hyperparameters",
                             [](BoundProcess& self) { return self.process().hyperparameters(); })
      .def("evidence", [](BoundProcess& self) { return self.process().evidence(); });
  m.def("log_expected_improvement", &guided::log_expected_improvement, py::arg("mean"), py::arg("deviation"),
        py::arg("best"));
  m.def(
      "upper_tail_moments",
      [](double mean, double deviation, double bound) {
        const guided::Tail tail = guided::upper_tail_moments(mean, deviation, bound);
        return py::make_tuple(tail.mean, tail.variance);
      },
      py::arg("mean"), py::arg("deviation"), py::arg("bound"));
  m.def(
      "skewness", [](const std::vector<double>& values) { return guided::skewness(values); },
      py::arg("values"));
}

}  // namespace lehr::python
