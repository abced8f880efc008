// Memory of this process and its descendants while something is measured (lehr/probe/memory.py).
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>
#include <tuple>
#include <vector>

#include "bind.hpp"
#include "lehr/base/os/proc.hpp"
#include "lehr/probe/tree_memory.hpp"
#include "os_text.hpp"

namespace py = pybind11;

namespace lehr::python {

void bind_probe_memory(py::module_& m) {
  m.def(
      "probe_descendants",
      [](const OsText& root, int pid) {
        std::vector<int> pids;
        for (const os::Process& process : os::descendants_of(pid, root.bytes)) pids.push_back(process.pid);
        return pids;
      },
      py::arg("root"), py::arg("pid"), "Processes that a process started, and those that they started.");
  py::class_<probe::TreeWatch>(m, "TreeWatch", "Polls the memory of a process and its descendants.")
      .def(py::init([](OsText root, int pid, double period_ms) {
             return std::make_unique<probe::TreeWatch>(std::move(root.bytes), pid, period_ms);
           }),
           py::arg("root"), py::arg("pid"), py::arg("period_ms"),
           "Start polling; `root` is where /proc lies, as in ''.")
      .def(
          "stop",
          [](probe::TreeWatch& watch) {
            const py::gil_scoped_release release;  // joins a thread that never asks for the lock
            const probe::TreePeak peak = watch.stop();
            return std::tuple(peak.bytes, peak.descendants, peak.polls);
          },
          "(largest sum in bytes, descendants then, polls); ends the polling, may be called again.");
}

}  // namespace lehr::python
