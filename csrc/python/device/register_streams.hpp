// Streams, steps captured on them, and timers, for Python.
#pragma once

#include <pybind11/pybind11.h>

namespace pycnn::cuda {

void register_streams(pybind11::module_& module);

}  // namespace pycnn::cuda
