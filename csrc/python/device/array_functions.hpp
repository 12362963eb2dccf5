// Arithmetic, shapes and reductions as methods of DeviceArray, for pycnn/backends/cuda_arrays.py.
#pragma once

#include "python/device/device_array.hpp"

namespace pycnn::cuda {

void register_array_functions(pybind11::class_<DeviceArray>& type);

}  // namespace pycnn::cuda
