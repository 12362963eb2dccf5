// One function a file: each adds its ops to the module.
#pragma once

#include <pybind11/pybind11.h>

namespace pycnn {

void register_conv2d(pybind11::module_& module);
void register_conv2d_algorithm(pybind11::module_& module);
void register_conv2d_pooled(pybind11::module_& module);
void register_conv_transpose2d(pybind11::module_& module);
void register_pool2d(pybind11::module_& module);
void register_linear(pybind11::module_& module);
void register_norm(pybind11::module_& module);
void register_embedding(pybind11::module_& module);
void register_activation(pybind11::module_& module);
void register_dropout(pybind11::module_& module);
void register_local_response_norm(pybind11::module_& module);
void register_rbf(pybind11::module_& module);
void register_resize2d(pybind11::module_& module);
void register_loss(pybind11::module_& module);
void register_class_loss(pybind11::module_& module);
void register_pointwise_loss(pybind11::module_& module);
void register_optim(pybind11::module_& module);
void register_runtime(pybind11::module_& module);

}  // namespace pycnn
