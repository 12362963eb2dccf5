#include "ops/conv2d.hpp"
#include "python/conv_arguments.hpp"
#include "python/results.hpp"
#include "python/weight_gradients.hpp"

namespace pycnn {
namespace {

using ConvForward = void (*)(const ConvShape&, const float* x, const float* w, const float* b, float* y);

Array forward(const char* op, ConvForward compute, py::handle x_array, py::handle w_array, py::handle b_array,
              py::handle stride, py::handle padding, py::handle dilation, py::handle groups) {
    const auto x = view<const float>(op, "x", x_array, 4);
    const auto w = view<const float>(op, "weight", w_array, 4);
    const ConvShape s = conv_shape_of(op, x.shape, w.shape, stride, padding, dilation, groups);
    const float* b = conv_bias(op, b_array, s, w.shape);
    return filled(op, {s.N, s.K, s.P, s.Q}, [=](float* y) { compute(s, x.data, w.data, b, y); });
}

Array bind_conv2d(py::handle x, py::handle w, py::handle b, py::handle stride, py::handle padding, py::handle dilation,
                  py::handle groups) {
    return forward("conv2d", conv2d, x, w, b, stride, padding, dilation, groups);
}

Array bind_conv2d_relu(py::handle x, py::handle w, py::handle b, py::handle stride, py::handle padding, py::handle dilation,
                       py::handle groups) {
    return forward("conv2d_relu", conv2d_relu, x, w, b, stride, padding, dilation, groups);
}

Array bind_conv2d_backward_input(py::handle dy_array, py::handle w_array, py::handle input_shape, py::handle stride,
                                 py::handle padding, py::handle dilation, py::handle groups) {
    const char* op = "conv2d_backward_input";
    const auto dy = view<const float>(op, "dy", dy_array, 4);
    const auto w = view<const float>(op, "weight", w_array, 4);
    const Shape x_shape = to_shape(op, "input_shape", input_shape, 4);
    const ConvShape s = conv_shape_of(op, x_shape, w.shape, stride, padding, dilation, groups);
    check_same_shape(op, "dy", dy.shape, "the forward pass", {s.N, s.K, s.P, s.Q});
    return filled(op, x_shape, [=](float* dx) { conv2d_backward_input(s, dy.data, w.data, dx); });
}

py::tuple bind_conv2d_backward_weight(py::handle dy_array, py::handle x_array, py::handle weight_shape, py::handle stride,
                                      py::handle padding, py::handle dilation, py::handle groups, py::handle out) {
    const char* op = "conv2d_backward_weight";
    const auto dy = view<const float>(op, "dy", dy_array, 4);
    const auto x = view<const float>(op, "x", x_array, 4);
    const Shape w_shape = to_shape(op, "weight_shape", weight_shape, 4);
    const ConvShape s = conv_shape_of(op, x.shape, w_shape, stride, padding, dilation, groups);
    check_same_shape(op, "dy", dy.shape, "the forward pass", {s.N, s.K, s.P, s.Q});
    WeightGradients gradients(op, out, w_shape, {s.K}, {{"dy", dy}, {"x", x}});
    return gradients.filled(op, [=](float* dw, float* db) { conv2d_backward_weight(s, dy.data, x.data, dw, db); });
}

}  // namespace

void register_conv2d(py::module_& module) {
    module.def("conv2d", bind_conv2d, "x"_a, "w"_a, "b"_a = py::none(), "stride"_a = 1, "padding"_a = 0, "dilation"_a = 1,
               "groups"_a = 1);
    module.def("conv2d_relu", bind_conv2d_relu, "x"_a, "w"_a, "b"_a = py::none(), "stride"_a = 1, "padding"_a = 0,
               "dilation"_a = 1, "groups"_a = 1);
    module.def("conv2d_backward_input", bind_conv2d_backward_input, "dy"_a, "w"_a, "input_shape"_a, "stride"_a = 1,
               "padding"_a = 0, "dilation"_a = 1, "groups"_a = 1);
    module.def("conv2d_backward_weight", bind_conv2d_backward_weight, "dy"_a, "x"_a, "weight_shape"_a, "stride"_a = 1,
               "padding"_a = 0, "dilation"_a = 1, "groups"_a = 1, "out"_a = py::none());
}

}  // namespace pycnn
