// What each file registers of what only tests use; module.cpp is their table of contents.
#pragma once

#include <pybind11/pybind11.h>

namespace lehr::python {

void bind_distributions(pybind11::module_& m);
void bind_growing(pybind11::module_& m);
void bind_guided(pybind11::module_& m);
void bind_policies(pybind11::module_& m);
void bind_probe(pybind11::module_& m);
void bind_problems(pybind11::module_& m);
void bind_space(pybind11::module_& m);
void bind_supervise(pybind11::module_& m);

}  // namespace lehr::python
