// NumPy arrays as the core's spans.
#pragma once

#include <pybind11/numpy.h>

#include <span>
#include <string>

#include "lehr/base/error.hpp"

namespace lehr::python {

using Array = pybind11::array_t<double, pybind11::array::c_style | pybind11::array::forcecast>;

inline std::span<const double> view(const Array& array) {
  return {array.data(), static_cast<std::size_t>(array.size())};
}

// Rows of an array of shape (n, dimensions). Throws OptionError for any other shape.
inline std::size_t rows(const Array& array, std::size_t dimensions, const char* what) {
  if (array.ndim() != 2 || static_cast<std::size_t>(array.shape(1)) != dimensions) {
    throw OptionError(std::string(what) + " must be an array of shape (n, " + std::to_string(dimensions) +
                      ").");
  }
  return static_cast<std::size_t>(array.shape(0));
}

}  // namespace lehr::python
