// What both extension modules have.
#pragma once

#include <pybind11/pybind11.h>

namespace pycnn {

// Adds the ops to a module, which turns this library's TypeError into Python's from then on.
void register_ops(pybind11::module_& module);

}  // namespace pycnn
