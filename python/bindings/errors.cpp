// The one place where errors of the core become Python exceptions (lehr.errors).
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bind.hpp"
#include "lehr/base/error.hpp"
#include "os_text.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

template <class... Arguments>
void raise(const char* name, const Error& error, Arguments&&... arguments) {
  const py::object type = py::module_::import("lehr.errors").attr(name);
  const py::object instance = type(os_text(error.what()), std::forward<Arguments>(arguments)...);
  PyErr_SetObject(type.ptr(), instance.ptr());
}

void translate(std::exception_ptr pointer) {
  try {
    if (pointer) std::rethrow_exception(pointer);
  } catch (const SpaceError& error) {
    raise("SpaceError", error, error.mistakes());
  } catch (const ConfigurationError& error) {
    raise("ConfigurationError", error, error.problems());
  } catch (const OptionError& error) {
    raise("OptionError", error);
  } catch (const ResultError& error) {
    raise("ResultError", error);
  } catch (const ExhaustedError& error) {
    raise("ExhaustedError", error);
  } catch (const DeviceError& error) {
    raise("DeviceError", error);
  } catch (const IsolationError& error) {
    raise("IsolationError", error);
  } catch (const Error& error) {
    raise("LehrError", error);
  }
}

}  // namespace

void bind_errors(py::module_&) { py::register_exception_translator(&translate); }

}  // namespace lehr::python
