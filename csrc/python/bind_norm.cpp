#include <cmath>
#include <limits>

#include "ops/batch_norm2d.hpp"
#include "python/register.hpp"
#include "python/views.hpp"

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
    float* y = nullptr;
    Array result = new_array(op, x.shape, y);
    ReleaseGil release;
    channel_affine(s, x.data, scale.data, shift.data, y);
    return result;
}

// What both backward functions share: dx like x, and two gradients of C numbers.
struct Gradients {
    float *dx = nullptr, *first = nullptr, *second = nullptr;
    Array dx_array, first_array, second_array;

    Gradients(const char* op, const Shape& x)
        : dx_array(new_array(op, x, dx)),
          first_array(new_array(op, {x[1]}, first)),
          second_array(new_array(op, {x[1]}, second)) {}

    py::tuple tuple() { return py::make_tuple(std::move(dx_array), std::move(first_array), std::move(second_array)); }
};

py::tuple bind_channel_affine_backward(py::handle dy_array, py::handle x_array, py::handle scale_array) {
    const char* op = "channel_affine_backward";
    const auto dy = view<const float>(op, "dy", dy_array, 4);
    const auto x = view<const float>(op, "x", x_array, 4);
    const ChannelShape s = shape_of(op, x.shape);
    check_same_shape(op, "dy", dy.shape, "x", x.shape);
    const auto scale = channel_view(op, "scale", scale_array, x.shape);
    Gradients gradients(op, x.shape);
    {
        ReleaseGil release;
        channel_affine_backward(s, dy.data, x.data, scale.data, gradients.dx, gradients.first, gradients.second);
    }
    return gradients.tuple();
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
    float* y = nullptr;
    BatchStatistics statistics{};
    Array result = new_array(op, x.shape, y), mean = new_array(op, {s.C}, statistics.mean);
    Array var = new_array(op, {s.C}, statistics.var), inv_std = new_array(op, {s.C}, statistics.inv_std);
    {
        ReleaseGil release;
        batch_norm2d(s, x.data, weight, bias, eps, y, statistics);
    }
    return py::make_tuple(std::move(result), std::move(mean), std::move(var), std::move(inv_std));
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
    Gradients gradients(op, x.shape);
    {
        ReleaseGil release;
        batch_norm2d_backward(s, dy.data, x.data, weight, mean.data, inv_std.data, gradients.dx, gradients.first,
                              gradients.second);
    }
    return gradients.tuple();
}

}  // namespace

void register_norm(py::module_& module) {
    module.def("channel_affine", bind_channel_affine, "x"_a, "scale"_a, "shift"_a);
    module.def("channel_affine_backward", bind_channel_affine_backward, "dy"_a, "x"_a, "scale"_a);
    module.def("batch_norm2d", bind_batch_norm2d, "x"_a, "weight"_a, "bias"_a, "eps"_a = 1e-5);
    module.def("batch_norm2d_backward", bind_batch_norm2d_backward, "dy"_a, "x"_a, "weight"_a, "mean"_a, "inv_std"_a);
}

}  // namespace pycnn
