// Text of the operating system: paths, arguments, environment, and messages that may quote them. It is bytes,
// which need not be UTF-8; Python's own codec for it (os.fsencode, os.fsdecode) is the only one that takes it
// there and back.
#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <utility>
#include <vector>

namespace lehr::python {

struct OsText {
  std::string bytes;
};

// As Python sees it: bytes that are no text become lone surrogates instead of an error.
inline pybind11::str os_text(const std::string& bytes) {
  PyObject* text = PyUnicode_DecodeFSDefaultAndSize(bytes.data(), static_cast<Py_ssize_t>(bytes.size()));
  if (text == nullptr) throw pybind11::error_already_set();
  return pybind11::reinterpret_steal<pybind11::str>(text);
}

inline std::vector<std::string> bytes_of(std::vector<OsText> texts) {
  std::vector<std::string> result;
  result.reserve(texts.size());
  for (OsText& text : texts) result.push_back(std::move(text.bytes));
  return result;
}

}  // namespace lehr::python

namespace pybind11::detail {

template <>
struct type_caster<lehr::python::OsText> {
  PYBIND11_TYPE_CASTER(lehr::python::OsText, io_name("str | bytes", "str"));

  bool load(handle source, bool) {
    PyObject* converted = nullptr;  // refuses what is no path, and NUL in one
    if (source.is_none() || PyUnicode_FSConverter(source.ptr(), &converted) == 0) {
      PyErr_Clear();
      return false;
    }
    value.bytes = std::string(reinterpret_steal<bytes>(converted));
    return true;
  }

  static handle cast(const lehr::python::OsText& text, return_value_policy, handle) {
    return lehr::python::os_text(text.bytes).release();
  }
};

}  // namespace pybind11::detail
