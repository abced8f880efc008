// The GPU as the Python layer sees it (lehr/gpu.py); estimators and searches take one to score on.
#include "lehr/estimators/gpu/gpu.hpp"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include "bind.hpp"
#include "os_text.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

// (available, reason, device, driver_version, capability, has_kernel)
py::typing::Tuple<bool, py::str, py::str, int, int, bool> status(gpu::Gpu& self) {
  gpu::Status status;
  {
    const py::gil_scoped_release release;  // no Python object is touched; starting CUDA takes a while
    status = self.status();
  }
  return py::make_tuple(status.available, os_text(status.reason), os_text(status.device),
                        status.driver_version, status.capability, status.has_kernel);
}

}  // namespace

void bind_gpu(py::module_& m) {
  py::class_<gpu::Gpu, std::shared_ptr<gpu::Gpu>>(m, "Gpu", "The first GPU; opened at its first use.")
      .def(py::init([](OsText driver) {
             return std::make_shared<gpu::Gpu>(std::move(driver.bytes), gpu::embedded_image());
           }),
           py::arg("driver"), "With the kernel that this build carries, if any.")
      .def(py::init([](OsText driver, const py::bytes& image, int toolkit, std::vector<int> binaries,
                       std::vector<int> ptx) {
             return std::make_shared<gpu::Gpu>(
                 std::move(driver.bytes),
                 gpu::Image{std::string(image), toolkit, std::move(binaries), std::move(ptx)});
           }),
           py::arg("driver"), py::arg("image"), py::kw_only(), py::arg("toolkit") = 0,
           py::arg("binaries") = std::vector<int>(), py::arg("ptx") = std::vector<int>(),
           "With a kernel compiled elsewhere.")
      .def("status", &status)
      .def("close", &gpu::Gpu::close, py::call_guard<py::gil_scoped_release>());
}

}  // namespace lehr::python
