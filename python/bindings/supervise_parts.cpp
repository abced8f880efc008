// The parts of the supervisor that are worth a test of their own, and what this machine offers it.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bind.hpp"
#include "lehr/base/os/priority.hpp"
#include "lehr/base/os/proc.hpp"
#include "lehr/supervise/cgroup.hpp"
#include "lehr/supervise/frames.hpp"
#include "lehr/supervise/kernel_log.hpp"
#include "lehr/supervise/last_words.hpp"
#include "lehr/supervise/trajectory.hpp"
#include "os_text.hpp"

namespace py = pybind11;

// For trials and their helpers, which load this library without importing the module: it costs them nothing
// else.
extern "C" __attribute__((visibility("default"))) void lehr_say_last_words_to(int fd) {
  lehr::supervise::say_last_words_to(fd);
}

namespace lehr::python {

void bind_supervise_parts(py::module_& m) {
  py::class_<supervise::FrameReader>(m, "FrameReader", "Collects bytes and hands out complete messages.")
      .def(py::init<std::size_t>(), py::arg("limit"))
      .def(
          "feed",
          [](supervise::FrameReader& self, const py::bytes& data) {
            std::vector<std::pair<std::string, py::bytes>> messages;
            try {
              for (const supervise::Frame& frame : self.feed(std::string_view(data)))
                messages.emplace_back(std::string(1, frame.kind), py::bytes(frame.body));
            } catch (const supervise::BadFrame& bad) {
              throw py::value_error(bad.what());
            }
            return messages;
          },
          py::arg("data"),
          "The messages that `data` completes: kind and body. ValueError: they are not ours.");
  m.def(
      "encode_frame",
      [](char kind, const py::bytes& body) {
        return py::bytes(supervise::encode(kind, std::string_view(body)));
      },
      py::arg("kind"), py::arg("body"));
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
  m.def("parse_oom_record", &supervise::parse_oom_record, py::arg("record"), py::arg("pid"),
        "The text of a record of /dev/kmsg that says that `pid` was killed for memory.");
  m.def("kernel_log_readable", [] { return supervise::KernelLog().readable(); });
  m.def(
      "read_rollup",
      [](int pid) {
        const os::Rollup rollup = os::read_rollup(pid);
        return std::pair(rollup.proportional, rollup.private_dirty);
      },
      py::arg("pid"), "(Pss_Anon + Pss_Shmem, Private_Dirty) of a process, in bytes.");
}

}  // namespace lehr::python
