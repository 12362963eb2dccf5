#include "ops/conv2d_pooled.hpp"
#include "python/conv_arguments.hpp"
#include "python/weight_gradients.hpp"

namespace pycnn {
namespace {

PooledConvShape shape_of(const char* op, const Shape& x, const Shape& w, py::handle window, py::handle stride,
                         py::handle padding, py::handle dilation, py::handle groups) {
    const ConvShape conv = conv_shape_of(op, x, w, stride, padding, dilation, groups);
    return pooled_conv_shape(op, conv, to_pair(op, "window", window));
}

py::tuple bind_conv2d_relu_max_pool2d(py::handle x_array, py::handle w_array, py::handle b_array, py::handle window,
                                      py::handle stride, py::handle padding, py::handle dilation, py::handle groups) {
    const char* op = "conv2d_relu_max_pool2d";
    const auto x = view<const float>(op, "x", x_array, 4);
    const auto w = view<const float>(op, "weight", w_array, 4);
    const PooledConvShape s = shape_of(op, x.shape, w.shape, window, stride, padding, dilation, groups);
    const float* b = conv_bias(op, b_array, s.conv, w.shape);
    float* y = nullptr;
    Winners winners{};
    Array result = new_array(op, {s.conv.N, s.conv.K, s.P, s.Q}, y);
    Array places = pools_in_lanes(s) ? new_array(op, lane_winners(s), winners.lanes)
                                     : new_array(op, {s.conv.N, s.conv.K, s.P, s.Q}, winners.planes);
    const ImageLanes possible = possible_lanes(s);
    const KeptLanes kept_x(possible.x, x.data, s.conv.N), kept_y(possible.y, y, s.conv.N);
    run_op(op, [=] { conv2d_relu_max_pool2d(s, x.data, w.data, b, y, winners, {*kept_x, *kept_y}); });
    return py::make_tuple(std::move(result), std::move(places));
}

py::tuple bind_conv2d_relu_max_pool2d_backward(py::handle dy_array, py::handle winners_array, py::handle x_array,
                                               py::handle w_array, py::handle window, py::handle stride, py::handle padding,
                                               py::handle dilation, py::handle groups, py::handle input_gradient,
                                               py::handle out) {
    const char* op = "conv2d_relu_max_pool2d_backward";
    const auto dy = view<const float>(op, "dy", dy_array, 4);
    const auto x = view<const float>(op, "x", x_array, 4);
    const auto w = view<const float>(op, "weight", w_array, 4);
    const PooledConvShape s = shape_of(op, x.shape, w.shape, window, stride, padding, dilation, groups);
    const Shape y_shape{s.conv.N, s.conv.K, s.P, s.Q};
    check_same_shape(op, "dy", dy.shape, "the forward pass", y_shape);
    View<const uint8_t> lanes;  // one of the two kinds of winners is given
    View<const int32_t> planes;
    const bool in_lanes = is_array(winners_array) && rank_of(winners_array) == 5;
    if (in_lanes) {
        if (!can_pool_in_lanes(s))
            fail_value(op, "winners of shape ", to_string(view<const uint8_t>(op, "winners", winners_array, 5).shape),
                       " come from another convolution: this one gives shape ", to_string(y_shape));
        lanes = view<const uint8_t>(op, "winners", winners_array, 5);
        check_same_shape(op, "winners", lanes.shape, "the forward pass with this instruction set", lane_winners(s));
    } else {
        planes = view<const int32_t>(op, "winners", winners_array, 4);
        check_same_shape(op, "winners", planes.shape, "the forward pass", y_shape);
    }
    Winners winners{};
    winners.lanes = const_cast<uint8_t*>(lanes.data);
    winners.planes = const_cast<int32_t*>(planes.data);
    float* dx = nullptr;
    py::object of_input = py::none();
    if (to_flag(op, "input_gradient", input_gradient)) of_input = new_array(op, x.shape, dx);
    const WeightGradients gradients(op, out, w.shape, {s.conv.K},
                                    {{"dy", dy}, {"winners", lanes}, {"winners", planes}, {"x", x}, {"weight", w}});
    const ImageLanes possible = in_lanes ? possible_lanes(s) : ImageLanes{};
    const KeptLanes kept_x(possible.x, x.data, s.conv.N), kept_dx(possible.dx, dx, s.conv.N),
        kept_dy(possible.dy, dy.data, s.conv.N);
    run_op(op, [=, dw = gradients.dw, db = gradients.db] {
        conv2d_relu_max_pool2d_backward(s, dy.data, winners, x.data, w.data, dx, dw, db, {*kept_x, false, *kept_dx, *kept_dy});
    });
    return py::make_tuple(std::move(of_input), gradients.weight(), gradients.bias());
}

}  // namespace

void register_conv2d_pooled(py::module_& module) {
    module.def("conv2d_relu_max_pool2d", bind_conv2d_relu_max_pool2d, "x"_a, "w"_a, "b"_a, "window"_a, "stride"_a = 1,
               "padding"_a = 0, "dilation"_a = 1, "groups"_a = 1);
    module.def("conv2d_relu_max_pool2d_backward", bind_conv2d_relu_max_pool2d_backward, "dy"_a, "winners"_a, "x"_a, "w"_a,
               "window"_a, "stride"_a = 1, "padding"_a = 0, "dilation"_a = 1, "groups"_a = 1, "input_gradient"_a = true,
               "out"_a = py::none());
}

}  // namespace pycnn
