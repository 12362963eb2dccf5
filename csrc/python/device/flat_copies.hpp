// Many arrays of the device as one flat array of the host, where sums over processes are computed.
#pragma once

#include <pybind11/pybind11.h>

namespace pycnn::cuda {

// pinned(count), flatten_to_host(arrays, flat), unflatten_to_device(flat, arrays).
void register_flat_copies(pybind11::module_& module);

}  // namespace pycnn::cuda
