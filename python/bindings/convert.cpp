#include "convert.hpp"

#include <cmath>
#include <utility>
#include <vector>

#include "lehr/base/error.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

constexpr std::size_t kDeepest = 500;  // nesting of conditions; evaluation is recursive

std::string type_name(py::handle object) { return Py_TYPE(object.ptr())->tp_name; }

std::string name_of(py::handle object) {
  if (!PyUnicode_Check(object.ptr()))
    throw py::type_error("a variable's name must be a str, not " + type_name(object));
  return py::cast<std::string>(object);
}

Operator comparison(const std::string& symbol) {
  if (symbol == "==") return Operator::equal;
  if (symbol == "!=") return Operator::not_equal;
  if (symbol == "<") return Operator::less;
  if (symbol == "<=") return Operator::less_equal;
  if (symbol == ">") return Operator::greater;
  if (symbol == ">=") return Operator::greater_equal;
  throw py::value_error("unknown operator '" + symbol + "' in a condition");
}

Condition to_condition(py::handle object, std::size_t depth) {
  if (depth > kDeepest)
    throw py::value_error("a condition is nested deeper than " + std::to_string(kDeepest));
  const auto parts = py::cast<py::tuple>(object);
  const auto symbol = py::cast<std::string>(parts[0]);
  Condition condition;
  if (symbol == "and" || symbol == "or") {
    condition.op = symbol == "and" ? Operator::all_of : Operator::any_of;
    for (const py::handle operand : parts[1]) condition.operands.push_back(to_condition(operand, depth + 1));
    return condition;
  }
  if (symbol == "not") {
    condition.op = Operator::negation;
    condition.operands.push_back(to_condition(parts[1], depth + 1));
    return condition;
  }
  condition.variable = name_of(parts[1]);
  if (symbol == "in") {
    condition.op = Operator::is_in;
    for (const py::handle value : parts[2]) condition.values.push_back(to_value(value));
  } else {
    condition.op = comparison(symbol);
    condition.values.push_back(to_value(parts[2]));
  }
  return condition;
}

}  // namespace

Value to_value(py::handle object) {
  PyObject* raw = object.ptr();
  if (raw == Py_None) return std::monostate{};
  if (PyBool_Check(raw)) return raw == Py_True;
  if (PyLong_Check(raw)) {
    const long long number = PyLong_AsLongLong(raw);
    if (number == -1 && PyErr_Occurred()) throw py::error_already_set();
    return static_cast<std::int64_t>(number);
  }
  if (PyFloat_Check(raw)) return PyFloat_AS_DOUBLE(raw);
  if (PyUnicode_Check(raw)) {
    Py_ssize_t size = 0;
    const char* bytes = PyUnicode_AsUTF8AndSize(raw, &size);
    if (bytes == nullptr) throw py::error_already_set();
    return std::string(bytes, static_cast<std::size_t>(size));
  }
  if (type_name(object).starts_with("numpy.") && py::hasattr(object, "item") && py::hasattr(object, "ndim") &&
      py::cast<int>(object.attr("ndim")) == 0) {
    const py::object plain = object.attr("item")();
    if (!type_name(plain).starts_with("numpy.")) return to_value(plain);  // longdouble gives itself back
  }
  throw py::type_error("a value must be None, bool, int, float or str, not " + type_name(object));
}

py::object to_python(const Value& value) {
  struct Convert {
    py::object operator()(std::monostate) const { return py::none(); }
    py::object operator()(bool x) const { return py::bool_(x); }
    py::object operator()(std::int64_t x) const { return py::int_(x); }
    py::object operator()(double x) const { return py::float_(x); }
    py::object operator()(const std::string& x) const { return py::str(x); }
  };
  return std::visit(Convert{}, value);
}

py::dict to_dict(const Space& space, const Configuration& codes) {
  if (codes.size() != space.size()) {
    throw py::value_error(std::to_string(codes.size()) + " codes for a space of " +
                          std::to_string(space.size()) + " variables");
  }
  py::dict config;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (std::isnan(codes[i])) continue;
    const Variable& v = space.variable(i);
    if (!v.legal(codes[i]))
      throw py::value_error(v.name + ": " + std::to_string(codes[i]) + " is not a legal code");
    const py::str key(v.name);
    if (v.kind == Kind::categorical || v.kind == Kind::ordinal) {
      config[key] = to_python(v.choices[static_cast<std::size_t>(codes[i])]);
    } else {
      config[key] = to_python(v.decode(codes[i]));
    }
  }
  return config;
}

Configuration from_dict(const Space& space, const py::dict& config) {
  std::vector<std::pair<std::string, Value>> values;
  std::vector<std::string> problems;
  std::vector<std::string> foreign;  // names whose value has a type no variable takes
  values.reserve(config.size());
  for (const auto& [key, object] : config) {
    if (!PyUnicode_Check(key.ptr())) {
      problems.push_back("The name " + py::cast<std::string>(py::repr(key)) + " is not a str.");
      continue;
    }
    const auto name = py::cast<std::string>(key);
    try {
      values.emplace_back(name, to_value(object));
    } catch (const py::type_error& error) {
      problems.push_back(name + ": " + error.what() + ".");
      foreign.push_back(name);
    } catch (const py::error_already_set& error) {
      if (!error.matches(PyExc_OverflowError) && !error.matches(PyExc_UnicodeEncodeError)) throw;
      const bool overflow = error.matches(PyExc_OverflowError);
      problems.push_back(name + ": the value " +
                         (overflow ? "is an int beyond 64 bits." : "is not valid Unicode."));
      foreign.push_back(name);
    }
  }
  if (problems.empty()) return space.encode(values);
  try {
    space.encode(values);
  } catch (const ConfigurationError& error) {
    for (const std::string& problem : error.problems()) {
      bool known = false;  // "x is missing" would be wrong: x was given, with a type that nothing takes
      for (const std::string& name : foreign) known = known || problem.starts_with(name + " is missing");
      if (!known) problems.push_back(problem);
    }
  }
  throw ConfigurationError(std::move(problems));
}

Condition to_condition(py::handle object) {
  if (object.is_none()) return {};
  return to_condition(object, 1);
}

}  // namespace lehr::python
