// The supervisor's thread as the Python layer sees it (lehr/supervise): commands in, answers to wait for out.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bind.hpp"
#include "lehr/supervise/supervisor.hpp"
#include "os_text.hpp"

namespace py = pybind11;

namespace lehr::python {
namespace {

using supervise::Answer;
using supervise::Helper;
using supervise::HelperNews;
using supervise::Observed;
using supervise::Supervisor;

template <class Value>
void bind_answer(py::module_& m, const char* name) {
  py::class_<Answer<Value>, std::shared_ptr<Answer<Value>>>(m, name, "To wait for: poll it for reading.")
      .def("fileno", &Answer<Value>::descriptor)
      .def_property_readonly("given", &Answer<Value>::given)
      .def("value", &Answer<Value>::value, py::call_guard<py::gil_scoped_release>(),
           "What was answered; only when given.");
}

void bind_observed(py::module_& m) {
  py::class_<Observed>(m, "Observed", "What the supervisor has seen of one trial; memory in bytes.")
      .def_readonly("begun", &Observed::begun)
      .def_property_readonly("begun_body", [](const Observed& self) { return py::bytes(self.begun_body); })
      .def_property_readonly("record_kind",
                             [](const Observed& self) {
                               return self.record_kind == 0 ? std::string()
                                                            : std::string(1, self.record_kind);
                             })
      .def_property_readonly("record_body", [](const Observed& self) { return py::bytes(self.record_body); })
      .def_readonly("record_late", &Observed::record_late)
      .def_property_readonly("bad_channel", [](const Observed& self) { return OsText{self.bad_channel}; })
      .def_readonly("status", &Observed::status)
      .def_property_readonly("killed", [](const Observed& self) { return supervise::name_of(self.killed); })
      .def_readonly("terminated", &Observed::terminated)
      .def_readonly("helper_death", &Observed::helper_death)
      .def_property_readonly("failed", [](const Observed& self) { return py::bytes(self.failed); })
      .def_readonly("left", &Observed::left)
      .def_readonly("others", &Observed::others)
      .def_readonly("kernel_oom_kills", &Observed::kernel_oom_kills)
      .def_property_readonly("kernel_log", [](const Observed& self) { return py::bytes(self.kernel_log); })
      .def_readonly("memory_peak", &Observed::memory_peak)
      .def_readonly("memory_over", &Observed::memory_over)
      .def_readonly("memory_private", &Observed::memory_private)
      .def_readonly("memory_inherited", &Observed::memory_inherited)
      .def_readonly("data", &Observed::data)
      .def_readonly("shared_removed", &Observed::shared_removed)
      .def_readonly("memory_mb", &Observed::memory_mb)
      .def_readonly("cgroup_peak", &Observed::cgroup_peak)
      .def_readonly("cgroup_oom_kills", &Observed::cgroup_oom_kills)
      .def_property_readonly("out", [](const Observed& self) { return py::bytes(self.out); })
      .def_property_readonly("err", [](const Observed& self) { return py::bytes(self.err); })
      .def_readonly("out_total", &Observed::out_total)
      .def_readonly("err_total", &Observed::err_total)
      .def_readonly("seconds", &Observed::seconds)
      .def_readonly("kill_to_gone_s", &Observed::kill_to_gone_s);
}

std::pair<std::shared_ptr<Helper>, supervise::News> start(Supervisor& self, std::vector<OsText> arguments,
                                                          std::vector<OsText> environment,
                                                          const OsText& marker, const std::string& setup,
                                                          int log, double start_limit_s) {
  supervise::HelperSpec spec{bytes_of(std::move(arguments)), bytes_of(std::move(environment)), marker.bytes,
                             supervise::command_frame(setup), start_limit_s};
  const py::gil_scoped_release release;  // the arguments are C++ values by now
  Supervisor::Started started = self.start(std::move(spec), log);
  return {std::move(started.helper), std::move(started.news)};
}

std::tuple<std::shared_ptr<Answer<Observed>>, bool, OsText> run(
    Supervisor& self, const std::shared_ptr<Helper>& helper, const std::string& command, int payload,
    int folder, int fault, std::optional<double> timeout_s, std::optional<double> memory_bytes,
    double start_limit_s, double grace_s, double linger_s, double abandon_s, std::size_t result_bytes) {
  const supervise::TrialLimits limits{timeout_s, memory_bytes, start_limit_s, grace_s,
                                      linger_s,  abandon_s,    result_bytes};
  const py::gil_scoped_release release;  // likewise
  supervise::TrialHandle handle = self.run(helper, limits, command, payload, folder, fault);
  return {std::move(handle.answer), handle.cgroup, OsText{std::move(handle.cgroup_refused)}};
}

}  // namespace

void bind_supervise(py::module_& m) {
  py::class_<supervise::Death>(m, "HelperDeath", "How a helper ended; `how` is empty while it is well.")
      .def_property_readonly("how", [](const supervise::Death& self) { return OsText{self.how}; })
      .def_readonly("status", &supervise::Death::status)
      .def_property_readonly("last_line",
                             [](const supervise::Death& self) { return py::bytes(self.last_line); });
  py::class_<HelperNews>(m, "HelperNews",
                         "What a helper says after importing: threads that a fork would leave.")
      .def_readonly("threads", &HelperNews::threads)
      .def_readonly("death", &HelperNews::death);
  bind_answer<HelperNews>(m, "HelperAnswer");
  bind_observed(m);
  bind_answer<Observed>(m, "TrialAnswer");
  py::class_<Helper, std::shared_ptr<Helper>>(m, "NativeHelper", "A helper process.")
      .def_property_readonly("pid", &Helper::pid)
      .def_property_readonly("alive", &Helper::alive);
  py::class_<Supervisor>(m, "NativeSupervisor",
                         "The supervisor's thread, which never takes the interpreter's lock.")
      .def(py::init([](const OsText& cgroup, bool use_cgroups, bool pretend, const OsText& kernel_log) {
             supervise::CgroupTree tree =
                 use_cgroups ? supervise::CgroupTree(cgroup.bytes, pretend) : supervise::CgroupTree("", true);
             return std::make_unique<Supervisor>(std::move(tree), use_cgroups, kernel_log.bytes);
           }),
           py::kw_only(), py::arg("cgroup") = "", py::arg("use_cgroups") = true, py::arg("pretend") = false,
           py::arg("kernel_log") = "/dev/kmsg")
      .def("start", &start, py::arg("arguments"), py::arg("environment"), py::arg("marker"), py::arg("setup"),
           py::arg("log"), py::arg("start_limit_s"))
      .def("run", &run, py::arg("helper").none(false), py::arg("command"), py::arg("payload"),
           py::arg("folder"), py::arg("fault"), py::kw_only(), py::arg("timeout_s") = std::nullopt,
           py::arg("memory_bytes") = std::nullopt, py::arg("start_limit_s") = 120.0, py::arg("grace_s") = 0.0,
           py::arg("linger_s") = 2.0, py::arg("abandon_s") = 10.0, py::arg("result_bytes") = 16 << 20)
      .def("warm", &Supervisor::warm, py::arg("helper").none(false), py::arg("command"),
           py::call_guard<py::gil_scoped_release>())
      .def("stop", &Supervisor::stop, py::arg("helper").none(false), py::call_guard<py::gil_scoped_release>())
      .def("drop", &Supervisor::drop, py::arg("helper").none(false), py::call_guard<py::gil_scoped_release>())
      .def("close", &Supervisor::close, py::call_guard<py::gil_scoped_release>());
}

}  // namespace lehr::python
