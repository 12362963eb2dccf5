// DLPack: a device array for another library, without a copy (https://dmlc.github.io/dlpack/latest/).
#pragma once

#include <pybind11/pybind11.h>

#include "python/device/device_array.hpp"

namespace pycnn::cuda {

// A capsule "dltensor" that keeps the memory alive until its consumer releases it.
pybind11::capsule to_dlpack(const DeviceArray& array);

// (kind, number) of the device: (2, 0) for CUDA, (1, 0) for the CPU, whose memory the emulator uses.
pybind11::tuple dlpack_device();

}  // namespace pycnn::cuda
