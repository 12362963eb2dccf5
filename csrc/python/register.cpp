// Each file bind_<op>.cpp adds its ops to a module in one function. A new file is announced here, and nowhere else.
#include "python/register.hpp"

#include "core/error.hpp"

namespace pycnn {

namespace py = pybind11;

void register_activation(py::module_& module);
void register_activation_kinds(py::module_& module);
void register_addition(py::module_& module);
void register_class_loss(py::module_& module);
void register_conv2d(py::module_& module);
void register_conv2d_pooled(py::module_& module);
void register_conv_transpose2d(py::module_& module);
void register_dropout(py::module_& module);
void register_embedding(py::module_& module);
void register_linear(py::module_& module);
void register_local_response_norm(py::module_& module);
void register_loss(py::module_& module);
void register_norm(py::module_& module);
void register_optim(py::module_& module);
void register_pointwise_loss(py::module_& module);
void register_pool2d(py::module_& module);
void register_rbf(py::module_& module);
void register_resize2d(py::module_& module);

namespace {

// pybind11 knows the errors of the standard library; this adds TypeError.
void translate_type_error(std::exception_ptr error) {
    try {
        if (error) std::rethrow_exception(error);
    } catch (const TypeError& e) {
        py::set_error(PyExc_TypeError, e.what());
    }
}

}  // namespace

void register_ops(py::module_& module) {
    py::register_local_exception_translator(translate_type_error);
    register_activation(module);
    register_activation_kinds(module);
    register_addition(module);
    register_class_loss(module);
    register_conv2d(module);
    register_conv2d_pooled(module);
    register_conv_transpose2d(module);
    register_dropout(module);
    register_embedding(module);
    register_linear(module);
    register_local_response_norm(module);
    register_loss(module);
    register_norm(module);
    register_optim(module);
    register_pointwise_loss(module);
    register_pool2d(module);
    register_rbf(module);
    register_resize2d(module);
}

}  // namespace pycnn
