#include "bind.hpp"

PYBIND11_MODULE(_core, m) {
  m.doc() = "The native core of lehr.";
  lehr::python::bind_errors(m);
  lehr::python::bind_gpu(m);
  lehr::python::bind_estimators(m);
  lehr::python::bind_loops(m);
  lehr::python::bind_rng(m);
  lehr::python::bind_space(m);
  lehr::python::bind_neighbours(m);
  lehr::python::bind_search(m);
  lehr::python::bind_recall(m);
  lehr::python::bind_history(m);
  lehr::python::bind_guided(m);
  lehr::python::bind_problems(m);
  lehr::python::bind_tables(m);
  lehr::python::bind_study(m);
  lehr::python::bind_sweep(m);
  lehr::python::bind_supervise(m);
  lehr::python::bind_probe_gpu(m);
  lehr::python::bind_probe_measure(m);
  lehr::python::bind_probe_memory(m);
  lehr::python::bind_probe_verdict(m);
  lehr::python::silence_errors(m);
}
