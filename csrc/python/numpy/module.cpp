// The extension module pycnn._core: the C++ ops, as pycnn.ops documents them, and their runtime.
#include "python/numpy/runtime.hpp"
#include "python/register.hpp"

PYBIND11_MODULE(_core, module) {
    pycnn::register_ops(module);
    pycnn::register_conv2d_algorithm(module);
    pycnn::register_folded_norm(module);
    pycnn::register_joining(module);
    pycnn::register_inference(module);
    pycnn::register_joined_updates(module);
    pycnn::register_pixel_rows(module);
    pycnn::register_recording(module);
    pycnn::register_runtime(module);
}
