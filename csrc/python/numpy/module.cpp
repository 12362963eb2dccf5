// The extension module pycnn._core: the C++ ops, as pycnn.ops documents them.
#include "core/error.hpp"
#include "python/register.hpp"

PYBIND11_MODULE(_core, module) {
    pybind11::register_exception_translator([](std::exception_ptr error) {
        try {
            if (error) std::rethrow_exception(error);
        } catch (const pycnn::TypeError& e) {
            pybind11::set_error(PyExc_TypeError, e.what());
        }
    });
    pycnn::register_conv2d(module);
    pycnn::register_conv2d_algorithm(module);
    pycnn::register_conv2d_pooled(module);
    pycnn::register_conv_transpose2d(module);
    pycnn::register_pool2d(module);
    pycnn::register_linear(module);
    pycnn::register_norm(module);
    pycnn::register_embedding(module);
    pycnn::register_activation(module);
    pycnn::register_dropout(module);
    pycnn::register_local_response_norm(module);
    pycnn::register_rbf(module);
    pycnn::register_resize2d(module);
    pycnn::register_loss(module);
    pycnn::register_class_loss(module);
    pycnn::register_pointwise_loss(module);
    pycnn::register_optim(module);
    pycnn::register_runtime(module);
}
