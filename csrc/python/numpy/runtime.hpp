// What pycnn._core alone has.
#pragma once

#include <pybind11/pybind11.h>

namespace pycnn {

void register_conv2d_algorithm(pybind11::module_& module);
void register_folded_norm(pybind11::module_& module);
void register_joining(pybind11::module_& module);
void register_inference(pybind11::module_& module);
void register_joined_updates(pybind11::module_& module);
void register_pixel_rows(pybind11::module_& module);
void register_recording(pybind11::module_& module);
void register_runtime(pybind11::module_& module);

}  // namespace pycnn
