#include "bind.hpp"

PYBIND11_MODULE(lehr_testing, m) {
  m.doc() = "Parts of lehr's core that only its tests use; never installed.";
  // Its types and its translation of errors serve this module too.
  pybind11::module_::import("lehr._core");
  lehr::python::bind_distributions(m);
  lehr::python::bind_growing(m);
  lehr::python::bind_guided(m);
  lehr::python::bind_policies(m);
  lehr::python::bind_probe(m);
  lehr::python::bind_problems(m);
  lehr::python::bind_space(m);
  lehr::python::bind_supervise(m);
}
