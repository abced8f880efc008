// pybind11 answers wrong arguments with a TypeError that quotes all of them, which may be an environment with
// its secrets, or megabytes. What it says is cut before the quotation, for every function of the module. What
// it says with a RuntimeError becomes what it is, and a method that is called with None for its object is
// refused.
#include <pybind11/pybind11.h>

#include <string>
#include <string_view>

#include "bind.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

using Dispatcher = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);

Dispatcher dispatcher = nullptr;  // pybind11 has one for all functions of a module

void cut_quotation() noexcept {
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  PyObject* text = value != nullptr ? PyObject_Str(value) : nullptr;
  Py_ssize_t size = 0;
  const char* bytes = text != nullptr ? PyUnicode_AsUTF8AndSize(text, &size) : nullptr;
  if (bytes == nullptr) {  // the quotation holds what is no UTF-8
    PyErr_Clear();
    PyErr_SetString(PyExc_TypeError, "a function of lehr's core was given arguments of the wrong types");
  } else {
    const std::string_view message(bytes, static_cast<std::size_t>(size));
    const auto quotation = message.find("\nInvoked with: ");
    if (quotation == std::string_view::npos || message.find("(): incompatible ") == std::string_view::npos) {
      PyErr_Restore(type, value, trace);
      Py_XDECREF(text);
      return;
    }
    if (PyObject* kept = PyUnicode_FromStringAndSize(bytes, static_cast<Py_ssize_t>(quotation))) {
      PyErr_SetObject(PyExc_TypeError, kept);
      Py_DECREF(kept);
    }
  }
  Py_XDECREF(text);
  Py_XDECREF(type);
  Py_XDECREF(value);
  Py_XDECREF(trace);
}

// Errors that pybind11 raises as RuntimeError, by what their texts begin with.
void rename() noexcept {
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  PyObject* text = value != nullptr ? PyObject_Str(value) : nullptr;
  const char* bytes = text != nullptr ? PyUnicode_AsUTF8(text) : nullptr;
  const std::string_view message = bytes != nullptr ? bytes : "";
  PyObject* better = nullptr;
  if (message.starts_with("Unable to cast Python instance")) better = PyExc_TypeError;
  if (message.starts_with("pybind11::vectorize: ")) better = PyExc_ValueError;
  if (better == nullptr) {
    PyErr_Clear();  // of asking for the text
    PyErr_Restore(type, value, trace);
  } else {
    PyErr_SetObject(better, text);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
  }
  Py_XDECREF(text);
}

PyObject* dispatch(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* names) {
  PyObject* result = dispatcher(self, arguments, count, names);
  if (result != nullptr) return result;
  if (PyErr_ExceptionMatches(PyExc_TypeError) != 0)
    cut_quotation();
  else if (PyErr_ExceptionMatches(PyExc_RuntimeError) != 0)
    rename();
  return nullptr;
}

PyObject* dispatch_method(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* names) {
  if (PyVectorcall_NARGS(static_cast<std::size_t>(count)) > 0 && arguments[0] == Py_None) {
    PyErr_SetString(PyExc_TypeError, "a method of lehr's core was called with None; supported: its object");
    return nullptr;
  }
  return dispatch(self, arguments, count, names);
}

void silence(py::handle object) {
  const bool is_method = PyInstanceMethod_Check(object.ptr());
  if (is_method) object = PyInstanceMethod_GET_FUNCTION(object.ptr());
  if (PyObject_TypeCheck(object.ptr(), &PyStaticMethod_Type) != 0) {
    silence(object.attr("__func__"));
    return;
  }
  if (PyObject_IsInstance(object.ptr(), reinterpret_cast<PyObject*>(&PyProperty_Type)) == 1) {
    silence(object.attr("fget"));
    silence(object.attr("fset"));
    return;
  }
  if (!PyCFunction_Check(object.ptr())) return;
  PyMethodDef& method = *reinterpret_cast<PyCFunctionObject*>(object.ptr())->m_ml;
  if (method.ml_flags != (METH_FASTCALL | METH_KEYWORDS))
    throw std::runtime_error("this version of pybind11 calls functions in another way");
  const auto here = reinterpret_cast<Dispatcher>(reinterpret_cast<void (*)()>(method.ml_meth));
  if (here == &dispatch || here == &dispatch_method) return;
  dispatcher = here;
  const Dispatcher ours = is_method ? &dispatch_method : &dispatch;
  method.ml_meth = reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(ours));
}

}  // namespace

void silence_errors(py::module_& m) {
  for (const auto& [name, object] : py::dict(m.attr("__dict__"))) {
    silence(object);
    if (!PyType_Check(object.ptr())) continue;
    for (const auto& [inner, member] : py::dict(object.attr("__dict__"))) silence(member);
  }
}

}  // namespace lehr::python
