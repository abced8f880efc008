// What is timed, as the loops call it, and what happens between calls; shared by the bindings that measure.
#pragma once

#include <pybind11/pybind11.h>

#include <exception>

#include "lehr/probe/timed_loop.hpp"

namespace lehr::python {

inline constexpr const char* capsule_name = "lehr.probe.callee";

// Called without arguments through the vectorcall protocol; what it returns is dropped outside the timed
// part.
struct PythonCall {
  PyObject* function;
  PyObject* result = nullptr;

  bool operator()() {
    result = PyObject_CallNoArgs(function);
    return result != nullptr;
  }
  void settle() { Py_CLEAR(result); }
  // Other threads run while the host waits for a GPU.
  pybind11::gil_scoped_release while_waiting() const { return pybind11::gil_scoped_release(); }
  ~PythonCall() { Py_XDECREF(result); }
};

struct NativeCall {
  probe::NativeCallee callee;

  bool operator()() const {
    callee.function(callee.context);
    return true;
  }
  void settle() const {}
  probe::HoldsNothing while_waiting() const { return {}; }
};

// Between calls: Ctrl-C, and the caller's look at the machine. An exception waits in `raised`.
struct Tick {
  pybind11::object watch;
  std::exception_ptr raised;

  bool operator()(std::size_t samples) {
    const pybind11::gil_scoped_acquire hold;
    try {
      if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
      if (!watch.is_none()) watch(samples);
    } catch (...) {
      raised = std::current_exception();
      return false;
    }
    return true;
  }
};

inline probe::NativeCallee native(const pybind11::object& callee) {
  const pybind11::capsule capsule = pybind11::reinterpret_borrow<pybind11::capsule>(callee);
  void* const pointer = PyCapsule_GetPointer(capsule.ptr(), capsule_name);
  if (pointer == nullptr) throw pybind11::error_already_set();
  return {reinterpret_cast<void (*)(void*)>(pointer), PyCapsule_GetContext(capsule.ptr())};
}

}  // namespace lehr::python
