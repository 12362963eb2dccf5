#include "ops/pool2d.hpp"
#include "python/results.hpp"

namespace pycnn {
namespace {

// stride=None means the kernel size.
PoolShape shape_of(const char* op, const Shape& x, py::handle kernel_size, py::handle stride, py::handle padding, Pair dilation,
                   py::handle ceil_mode) {
    const Pair kernel = to_pair(op, "kernel_size", kernel_size);
    return pool_shape(op, x, kernel, stride.is_none() ? kernel : to_pair(op, "stride", stride), to_pair(op, "padding", padding),
                      dilation, to_flag(op, "ceil_mode", ceil_mode));
}

AverageRule rule_of(const char* op, py::handle count_include_pad, py::handle divisor_override) {
    const bool include = to_flag(op, "count_include_pad", count_include_pad);
    if (divisor_override.is_none()) return {include, 0};
    const int64_t divisor = to_int(op, "divisor_override", divisor_override);
    if (divisor == 0) fail_value(op, "divisor_override must not be zero");
    return {include, divisor};
}

py::tuple bind_max_pool2d(py::handle x_array, py::handle kernel_size, py::handle stride, py::handle padding,
                          py::handle dilation, py::handle ceil_mode) {
    const char* op = "max_pool2d";
    const auto x = view<const float>(op, "x", x_array, 4);
    const PoolShape s = shape_of(op, x.shape, kernel_size, stride, padding, to_pair(op, "dilation", dilation), ceil_mode);
    const Shape y_shape{s.N, s.C, s.P, s.Q};
    return filled_tuple<float, int32_t>(op, {y_shape, y_shape},
                                        [=](float* y, int32_t* indices) { max_pool2d(s, x.data, y, indices); });
}

Array bind_max_pool2d_backward(py::handle dy_array, py::handle indices_array, py::handle input_shape) {
    const char* op = "max_pool2d_backward";
    const auto dy = view<const float>(op, "dy", dy_array, 4);
    const auto indices = view<const int32_t>(op, "indices", indices_array, 4);
    const Shape x = to_shape(op, "input_shape", input_shape, 4);
    check_pooled_images(op, x);
    check_same_shape(op, "indices", indices.shape, "dy", dy.shape);
    if (dy.shape[0] != x[0] || dy.shape[1] != x[1])
        fail_value(op, "dy has ", dy.shape[0], " images of ", dy.shape[1], " channels, input_shape has ", x[0], " of ", x[1],
                   " (dy: ", to_string(dy.shape), ", input_shape: ", to_string(x), ")");
    return filled(op, x, [=](float* dx) {
        max_pool2d_backward(x[0] * x[1], dy.shape[2] * dy.shape[3], x[2] * x[3], dy.data, indices.data, dx);
    });
}

Array bind_avg_pool2d(py::handle x_array, py::handle kernel_size, py::handle stride, py::handle padding, py::handle ceil_mode,
                      py::handle count_include_pad, py::handle divisor_override) {
    const char* op = "avg_pool2d";
    const auto x = view<const float>(op, "x", x_array, 4);
    const PoolShape s = shape_of(op, x.shape, kernel_size, stride, padding, {1, 1}, ceil_mode);
    const AverageRule rule = rule_of(op, count_include_pad, divisor_override);
    return filled(op, {s.N, s.C, s.P, s.Q}, [=](float* y) { avg_pool2d(s, rule, x.data, y); });
}

Array bind_avg_pool2d_backward(py::handle dy_array, py::handle input_shape, py::handle kernel_size, py::handle stride,
                               py::handle padding, py::handle ceil_mode, py::handle count_include_pad,
                               py::handle divisor_override) {
    const char* op = "avg_pool2d_backward";
    const auto dy = view<const float>(op, "dy", dy_array, 4);
    const Shape x = to_shape(op, "input_shape", input_shape, 4);
    const PoolShape s = shape_of(op, x, kernel_size, stride, padding, {1, 1}, ceil_mode);
    const AverageRule rule = rule_of(op, count_include_pad, divisor_override);
    check_same_shape(op, "dy", dy.shape, "the forward pass", {s.N, s.C, s.P, s.Q});
    return filled(op, x, [=](float* dx) { avg_pool2d_backward(s, rule, dy.data, dx); });
}

}  // namespace

void register_pool2d(py::module_& module) {
    module.def("max_pool2d", bind_max_pool2d, "x"_a, "kernel_size"_a, "stride"_a = py::none(), "padding"_a = 0,
               "dilation"_a = 1, "ceil_mode"_a = false);
    module.def("max_pool2d_backward", bind_max_pool2d_backward, "dy"_a, "indices"_a, "input_shape"_a);
    module.def("avg_pool2d", bind_avg_pool2d, "x"_a, "kernel_size"_a, "stride"_a = py::none(), "padding"_a = 0,
               "ceil_mode"_a = false, "count_include_pad"_a = true, "divisor_override"_a = py::none());
    module.def("avg_pool2d_backward", bind_avg_pool2d_backward, "dy"_a, "input_shape"_a, "kernel_size"_a,
               "stride"_a = py::none(), "padding"_a = 0, "ceil_mode"_a = false, "count_include_pad"_a = true,
               "divisor_override"_a = py::none());
}

}  // namespace pycnn
