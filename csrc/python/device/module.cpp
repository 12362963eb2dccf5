// The extension modules pycnn._cuda and pycnn._cuda_emulated: the device, its arrays, and the ops of pycnn._core on them.
#include <pybind11/stl.h>

#include "cuda/tf32.hpp"
#include "python/device/device_array.hpp"
#include "python/device/flat_copies.hpp"
#include "python/device/register_streams.hpp"
#include "python/register.hpp"
#include "python/release_gil.hpp"

#if defined(PYCNN_CUDA_EMULATED)
#include "cuda/emulator/device_memory.hpp"
#include "cuda/emulator/emulator.hpp"
#define PYCNN_CUDA_MODULE _cuda_emulated
#else
#define PYCNN_CUDA_MODULE _cuda
#endif

namespace {

namespace py = pybind11;
using namespace pycnn;

void register_device(py::module_& module) {
    module.def("devices", [] {
        py::list result;
        for (const cuda::Device& d : cuda::devices()) {
            py::dict device;
            device["name"] = d.name;
            device["compute_capability"] = py::make_tuple(d.major, d.minor);
            device["multiprocessors"] = d.processors;
            device["memory"] = d.memory;
            result.append(device);
        }
        return result;
    });
    module.def("why_no_device", cuda::why_no_device);
    module.def("synchronize", cuda::synchronize, py::call_guard<ReleaseGil>());
    module.def("memory_stats", [] {
        const cuda::MemoryStats stats = cuda::memory_stats();
        py::dict result;
        result["used"] = stats.used;
        result["cached"] = stats.cached;
        result["most_used"] = stats.most_used;
        return result;
    });
    module.def("allow_tf32", cuda::allow_tf32, py::arg("allowed"));
    module.def("tf32_allowed", cuda::tf32_allowed);
    module.def("trim_cache", cuda::trim, py::call_guard<ReleaseGil>());
#if defined(PYCNN_CUDA_EMULATED)
    module.def("set_order", host::set_order, py::arg("name"));
    module.def("order", host::order);
    module.def("set_device_bytes", host::set_device_bytes, py::arg("bytes"));
#endif
}

}  // namespace

PYBIND11_MODULE(PYCNN_CUDA_MODULE, module) {
    register_ops(module);
    cuda::register_device_array(module);
    cuda::register_flat_copies(module);
    cuda::register_streams(module);
    register_device(module);
}
