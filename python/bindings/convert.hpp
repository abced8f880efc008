// Between Python objects and the core's values, configurations and conditions.
#pragma once

#include <pybind11/pybind11.h>

#include "lehr/space/space.hpp"

namespace lehr::python {

// None, bool, int, float or str; NumPy scalars become the Python type they stand for. Throws TypeError for
// anything else and OverflowError for an int beyond 64 bits.
Value to_value(pybind11::handle object);
pybind11::object to_python(const Value& value);

// {name: value} of the active variables, in the space's order.
pybind11::dict to_dict(const Space& space, const Configuration& codes);
// Throws ConfigurationError with every problem at once, values of foreign types included.
Configuration from_dict(const Space& space, const pybind11::dict& config);

// Conditions as nested tuples: ('==', name, value) with any of == != < <= > >=, ('in', name, [values]),
// ('and', [conditions]), ('or', [conditions]), ('not', condition); None for no condition.
Condition to_condition(pybind11::handle object);

}  // namespace lehr::python
