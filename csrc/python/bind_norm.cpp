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

// Statistics are those of one image at least.
void check_has_images(const char* op, const Shape& x) {
    if (x[0] == 0) fail_value(op, "the mean of no images is not defined (x: ", to_string(x), ")");
}

double eps_of(const char* op, py::handle number) {
    const double eps = to_double(op, "eps", number);
    // Below the smallest normal float the factor 1 / sqrt(variance + eps) may overflow.
    if (!(eps >= std::numeric_limits<float>::min()) || std::isinf(eps))
        fail_value(op, "eps must be at least 2^-126 and finite, got ", eps);
    return eps;
}

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
constexpr Limits kNoLimits{kNone, kNone};

Limits limits_of(const char* op, py::handle lower, py::handle upper) {
    const Limits limits{lower.is_none() ? kNone : to_float(op, "lower", lower),
                        upper.is_none() ? kNone : to_float(op, "upper", upper)};
    if (limits.lower > limits.upper) fail_value(op, "lower must not be above upper, got ", limits.lower, " and ", limits.upper);
    return limits;
}

bool has_limits(const Limits& limits) { return !std::isnan(limits.lower) || !std::isnan(limits.upper); }

const float* optional_like(const char* op, const char* name, py::handle array, const Shape& x) {
    if (array.is_none()) return nullptr;
    const auto values = view<const float>(op, name, array, 4);
    check_same_shape(op, name, values.shape, "x", x);
    return values.data;
}

BatchNormTail tail_of(const char* op, const Shape& x, py::handle weight, py::handle bias, py::handle residual,
                      const Limits& limits) {
    return {optional_channel_data(op, "weight", weight, x), optional_channel_data(op, "bias", bias, x),
            optional_like(op, "residual", residual, x), limits};
}

// Of x: y, mean, var and inv_std.
py::tuple normalised(const char* op, const View<const float>& x, const BatchNormTail& tail, double eps) {
    check_has_images(op, x.shape);
    const ChannelShape s = shape_of(op, x.shape);
    const Shape channels{s.C};
    const float* input = x.data;
    return filled_tuple<float, float, float, float>(
        op, {x.shape, channels, channels, channels},
        [=](float* y, float* mean, float* var, float* inv_std) { batch_norm2d(s, input, eps, tail, y, {mean, var, inv_std}); });
}

py::tuple bind_batch_norm2d(py::handle x_array, py::handle weight, py::handle bias, py::handle eps_number) {
    const char* op = "batch_norm2d";
    const auto x = view<const float>(op, "x", x_array, 4);
    check_images(op, x.shape);
    const BatchNormTail tail = tail_of(op, x.shape, weight, bias, py::none(), kNoLimits);
    return normalised(op, x, tail, eps_of(op, eps_number));
}

py::tuple bind_batch_norm2d_clamp(py::handle x_array, py::handle weight, py::handle bias, py::handle eps_number,
                                  py::handle residual, py::handle lower, py::handle upper) {
    const char* op = "batch_norm2d_clamp";
    const auto x = view<const float>(op, "x", x_array, 4);
    check_images(op, x.shape);
    const BatchNormTail tail = tail_of(op, x.shape, weight, bias, residual, limits_of(op, lower, upper));
    return normalised(op, x, tail, eps_of(op, eps_number));
}

py::tuple bind_batch_norm2d_statistics(py::handle x_array, py::handle eps_number) {
    const char* op = "batch_norm2d_statistics";
    const auto x = view<const float>(op, "x", x_array, 4);
    const ChannelShape s = shape_of(op, x.shape);
    check_has_images(op, x.shape);
    const double eps = eps_of(op, eps_number);
    const Shape channels{s.C};
    const float* input = x.data;
    return filled_tuple<float, float, float>(op, {channels, channels, channels}, [=](float* mean, float* var, float* inv_std) {
        batch_norm2d_statistics(s, input, eps, {mean, var, inv_std});
    });
}

Array bind_batch_norm2d_apply(py::handle x_array, py::handle weight, py::handle bias, py::handle mean_array,
                              py::handle inv_std_array, py::handle residual, py::handle lower, py::handle upper) {
    const char* op = "batch_norm2d_apply";
    const auto x = view<const float>(op, "x", x_array, 4);
    const ChannelShape s = shape_of(op, x.shape);
    const BatchNormTail tail = tail_of(op, x.shape, weight, bias, residual, limits_of(op, lower, upper));
    const float* input = x.data;
    const float *mean = channel_view(op, "mean", mean_array, x.shape).data,
                *inv_std = channel_view(op, "inv_std", inv_std_array, x.shape).data;
    return filled(op, x.shape, [=](float* y) { batch_norm2d_apply(s, input, mean, inv_std, tail, y); });
}

py::tuple bind_batch_norm2d_backward(py::handle dy_array, py::handle x_array, py::handle weight_array, py::handle mean_array,
                                     py::handle inv_std_array) {
    const char* op = "batch_norm2d_backward";
    const auto dy = view<const float>(op, "dy", dy_array, 4);
    const auto x = view<const float>(op, "x", x_array, 4);
    const ChannelShape s = shape_of(op, x.shape);
    check_same_shape(op, "dy", dy.shape, "x", x.shape);
    const float* weight = optional_channel_data(op, "weight", weight_array, x.shape);
    const float *gradient = dy.data, *input = x.data;
    const float *mean = channel_view(op, "mean", mean_array, x.shape).data,
                *inv_std = channel_view(op, "inv_std", inv_std_array, x.shape).data;
    return filled_gradients(op, x.shape, [=](float* dx, float* dweight, float* dbias) {
        batch_norm2d_backward(s, gradient, nullptr, input, mean, inv_std, {weight, nullptr, nullptr, kNoLimits},
                              {dx, dweight, dbias, nullptr});
    });
}

py::tuple bind_batch_norm2d_clamp_backward(py::handle dy_array, py::handle y_array, py::handle x_array, py::handle weight_array,
                                           py::handle mean_array, py::handle inv_std_array, py::handle lower, py::handle upper,
                                           py::handle residual_gradient, py::handle bias_array) {
    const char* op = "batch_norm2d_clamp_backward";
    const auto dy = view<const float>(op, "dy", dy_array, 4);
    const auto x = view<const float>(op, "x", x_array, 4);
    const ChannelShape s = shape_of(op, x.shape);
    check_same_shape(op, "dy", dy.shape, "x", x.shape);
    const BatchNormTail tail = tail_of(op, x.shape, weight_array, bias_array, py::none(), limits_of(op, lower, upper));
    const float* y = optional_like(op, "y", y_array, x.shape);
    const bool gives_residual = to_flag(op, "residual_gradient", residual_gradient);
    if (has_limits(tail.limits) && y == nullptr && gives_residual)
        fail_value(op, "y must be an array where there is a limit and a residual, got None");
    if (!has_limits(tail.limits)) y = nullptr;
    const float *gradient = dy.data, *input = x.data;
    const float *mean = channel_view(op, "mean", mean_array, x.shape).data,
                *inv_std = channel_view(op, "inv_std", inv_std_array, x.shape).data;
    const Shape channels{s.C};
    if (gives_residual)
        return filled_tuple<float, float, float, float>(
            op, {x.shape, channels, channels, x.shape}, [=](float* dx, float* dweight, float* dbias, float* dresidual) {
                batch_norm2d_backward(s, gradient, y, input, mean, inv_std, tail, {dx, dweight, dbias, dresidual});
            });
    const py::tuple found = filled_gradients(op, x.shape, [=](float* dx, float* dweight, float* dbias) {
        batch_norm2d_backward(s, gradient, y, input, mean, inv_std, tail, {dx, dweight, dbias, nullptr});
    });
    return py::make_tuple(found[0], found[1], found[2], py::none());
}

}  // namespace

void register_norm(py::module_& module) {
    module.def("channel_affine", bind_channel_affine, "x"_a, "scale"_a, "shift"_a);
    module.def("channel_affine_backward", bind_channel_affine_backward, "dy"_a, "x"_a, "scale"_a);
    module.def("batch_norm2d", bind_batch_norm2d, "x"_a, "weight"_a, "bias"_a, "eps"_a = 1e-5);
    module.def("batch_norm2d_backward", bind_batch_norm2d_backward, "dy"_a, "x"_a, "weight"_a, "mean"_a, "inv_std"_a);
    module.def("batch_norm2d_statistics", bind_batch_norm2d_statistics, "x"_a, "eps"_a = 1e-5);
    module.def("batch_norm2d_apply", bind_batch_norm2d_apply, "x"_a, "weight"_a, "bias"_a, "mean"_a, "inv_std"_a,
               "residual"_a = py::none(), "lower"_a = py::none(), "upper"_a = py::none());
    module.def("batch_norm2d_clamp", bind_batch_norm2d_clamp, "x"_a, "weight"_a, "bias"_a, "eps"_a = 1e-5,
               "residual"_a = py::none(), "lower"_a = py::none(), "upper"_a = py::none());
    module.def("batch_norm2d_clamp_backward", bind_batch_norm2d_clamp_backward, "dy"_a, "y"_a, "x"_a, "weight"_a, "mean"_a,
               "inv_std"_a, "lower"_a = py::none(), "upper"_a = py::none(), "residual_gradient"_a = false,
               "bias"_a = py::none());
}

}  // namespace pycnn
