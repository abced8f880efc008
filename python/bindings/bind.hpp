// What each binding file registers; module.cpp is their table of contents.
#pragma once

#include <pybind11/pybind11.h>

namespace lehr::python {

void bind_errors(pybind11::module_& m);
void bind_gpu(pybind11::module_& m);
void bind_estimators(pybind11::module_& m);
void bind_loops(pybind11::module_& m);
void bind_rng(pybind11::module_& m);
void bind_space(pybind11::module_& m);
void bind_neighbours(pybind11::module_& m);
void bind_search(pybind11::module_& m);
void bind_probe_gpu(pybind11::module_& m);
void bind_probe_measure(pybind11::module_& m);
void bind_probe_memory(pybind11::module_& m);
void bind_probe_verdict(pybind11::module_& m);
void bind_recall(pybind11::module_& m);
void bind_history(pybind11::module_& m);
void bind_guided(pybind11::module_& m);
void bind_problems(pybind11::module_& m);
void bind_tables(pybind11::module_& m);
void bind_study(pybind11::module_& m);
void bind_sweep(pybind11::module_& m);
void bind_supervise(pybind11::module_& m);
// Comes last: no error of any function of the module quotes its arguments.
void silence_errors(pybind11::module_& m);

}  // namespace lehr::python
