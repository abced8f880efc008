// The parts of the supervisor that are worth a test of their own, and what this machine offers it.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bind.hpp"
#include "lehr/base/os/priority.hpp"
#include "lehr/supervise/cgroup.hpp"
#include "lehr/supervise/trajectory.hpp"
#include "os_text.hpp"

namespace py = pybind11;

namespace lehr::python {

void bind_supervise(py::module_& m) {
  py::class_<supervise::Trajectory>(m, "Trajectory", "A curve in at most 32 points.")
      .def(py::init<>())
      .def("add", &supervise::Trajectory::add, py::arg("seconds"), py::arg("value"))
      .def("points", &supervise::Trajectory::points);
  py::class_<supervise::CgroupTree>(m, "CgroupTree", "Where the kernel would keep a trial's memory limit.")
      .def(py::init(
               [](const OsText& asked, bool pretend) { return supervise::CgroupTree(asked.bytes, pretend); }),
           py::arg("asked") = "", py::arg("pretend") = false)
      .def_property_readonly("usable", &supervise::CgroupTree::usable)
      .def_property_readonly("root", [](const supervise::CgroupTree& self) { return OsText{self.root()}; })
      .def_property_readonly("why_not",
                             [](const supervise::CgroupTree& self) { return OsText{self.why_not()}; });
  m.def("hurry", &os::hurry, py::arg("pid"),
        "Undo what a process, perhaps a dying one, has done to be scheduled later than we are.");
}

}  // namespace lehr::python
