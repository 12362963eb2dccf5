#include <cmath>
#include <limits>

#include "ops/batch_norm2d.hpp"
#include "python/results.hpp"

namespace pycnn {
namespace {

ChannelShape shape_of(const char* op, const Shape& x) {
    check_images(op, x);
    return {x[0], x[1], x[2] * x[3]};
}

View<const float> channel_view(const char* op, const char* name, py::handle array, const Shape& x) {
    const auto values = view<const float>(op, name, array, 1);
    if (values.shape[0] != x[1])
        fail_value(op, name, " has ", values.shape[0], " elements, x has ", x[1], " channels (", name, ": ",
                   to_string(values.shape), ", x: ", to_string(x), ")");
    return values;
}

const float* optional_channel_data(const char* op, const char* name, py::handle array, const Shape& x) {
    return array.is_none() ? nullptr : channel_view(op, name, array, x).data;
}

Array bind_channel_affine(py::handle x_array, py::handle scale_array, py::handle shift_array) {
    const char* op = "channel_affine";
    const auto x = view<const float>(op, "x", x_array, 4);
    const ChannelShape s = shape_of(op, x.shape);
    const auto scale = channel_view(op, "scale", scale_array, x.shape), shift = channel_view(op, "shift", shift_array, x.shape);
    return filled(op, x.shape, [=](float* y) { channel_affine(s, x.data, scale.data, shift.data, y); });
}

// The results of both backward functions: dx like x, and two gradients of C numbers.
template <class F>
py::tuple filled_gradients(const char* op, const Shape& x, F&& compute) {
    return filled_tuple<float, float, float>(op, {x, Shape{x[1]}, Shape{x[1]}}, compute);
}

py::tuple bind_channel_affine_backward(py::handle dy_array, py::handle x_array, py::handle scale_array) {
    const char* op = "channel_affine_backward";
    const auto dy = view<const float>(op, "dy", dy_array, 4);
    const auto x = view<const float>(op, "x", x_array, 4);
    const ChannelShape s = shape_of(op, x.shape);
    check_same_shape(op, "dy", dy.shape, "x", x.shape);
    const auto scale = channel_view(op, "scale", scale_array, x.shape);
    return filled_gradients(op, x.shape, [=](float* dx, float* dscale, float* dshift) {
        channel_affine_backward(s, dy.data, x.data, scale.data, dx, dscale, dshift);
    });
}

py::tuple bind_batch_norm2d(py::handle x_array, py::handle weight_array, py::handle bias_array, py::handle eps_number) {
    const char* op = "batch_norm2d";
    const auto x = view<const float>(op, "x", x_array, 4);
    const ChannelShape s = shape_of(op, x.shape);
    if (s.N == 0) fail_value(op, "the mean of no images is not defined (x: ", to_string(x.shape), ")");
    const float* weight = optional_channel_data(op, "weight", weight_array, x.shape);
    const float* bias = optional_channel_data(op, "bias", bias_array, x.shape);
    const double eps = to_double(op, "eps", eps_number);
    // Below the smallest normal float the factor 1 / sqrt(variance + eps) may overflow.
    if (!(eps >= std::numeric_limits<float>::min()) || std::isinf(eps))
        fail_value(op, "eps must be at least 2^-126 and finite, got ", eps);
    const Shape channels{s.C};
    return filled_tuple<float, float, float, float>(op, {x.shape, channels, channels, channels},
                                                    [=](float* y, float* mean, float* var, float* inv_std) {
                                                        batch_norm2d(s, x.data, weight, bias, eps, y, {mean, var, inv_std});
                                                    });
}

py::tuple bind_batch_norm2d_backward(py::handle dy_array, py::handle x_array, py::handle weight_array, py::handle mean_array,
                                     py::handle inv_std_array) {
    const char* op = "batch_norm2d_backward";
    const auto dy = view<const float>(op, "dy", dy_array, 4);
    const auto x = view<const float>(op, "x", x_array, 4);
    const ChannelShape s = shape_of(op, x.shape);
    check_same_shape(op, "dy", dy.shape, "x", x.shape);
    const float* weight = optional_channel_data(op, "weight", weight_array, x.shape);
    const auto mean = channel_view(op, "mean", mean_array, x.shape),
               inv_std = channel_view(op, "inv_std", inv_std_array, x.shape);
    return filled_gradients(op, x.shape, [=](float* dx, float* dweight, float* dbias) {
        batch_norm2d_backward(s, dy.data, x.data, weight, mean.data, inv_std.data, dx, dweight, dbias);
    });
}

}  // namespace

void register_norm(py::module_& module) {
    module.def("channel_affine", bind_channel_affine, "x"_a, "scale"_a, "shift"_a);
    module.def("channel_affine_backward", bind_channel_affine_backward, "dy"_a, "x"_a, "scale"_a);
    module.def("batch_norm2d", bind_batch_norm2d, "x"_a, "weight"_a, "bias"_a, "eps"_a = 1e-5);
    module.def("batch_norm2d_backward", bind_batch_norm2d_backward, "dy"_a, "x"_a, "weight"_a, "mean"_a, "inv_std"_a);
}

}  // namespace pycnn
