#include "bindings/numpy_view.hpp"
#include "bindings/register.hpp"
#include "cpu/elementwise.hpp"

namespace pycnn {
namespace {

py::array bind_relu(py::handle x_array) {
    const auto x = view<const float>("relu", "x", x_array);
    float* y = nullptr;
    py::array result = new_array("relu", x.shape, y);
    py::gil_scoped_release release;
    relu(x.size(), x.data, y);
    return result;
}

py::array bind_relu_backward(py::handle dy_array, py::handle y_array) {
    const char* op = "relu_backward";
    const auto dy = view<const float>(op, "dy", dy_array);
    const auto y = view<const float>(op, "y", y_array);
    check_same_shape(op, "dy", dy.shape, "y", y.shape);
    float* dx = nullptr;
    py::array result = new_array(op, y.shape, dx);
    py::gil_scoped_release release;
    relu_backward(y.size(), dy.data, y.data, dx);
    return result;
}

}  // namespace

void register_elementwise(py::module_& module) {
    module.def("relu", bind_relu);
    module.def("relu_backward", bind_relu_backward);
}

}  // namespace pycnn
