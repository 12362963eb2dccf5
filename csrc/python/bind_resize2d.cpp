// Ops that change the size of planes: adaptive pooling, upsampling, zero padding.
#include "ops/adaptive_pool2d.hpp"
#include "ops/resize2d.hpp"
#include "python/results.hpp"

namespace pycnn {
namespace {

Shape outputs(const ResizeShape& s) { return {s.N, s.C, s.P, s.Q}; }

Array bind_adaptive_avg_pool2d(py::handle x_array, py::handle output_size) {
    const char* op = "adaptive_avg_pool2d";
    const auto x = view<const float>(op, "x", x_array, 4);
    const ResizeShape s = adaptive_shape(op, x.shape, to_pair(op, "output_size", output_size));
    return filled(op, outputs(s), [=](float* y) { adaptive_avg_pool2d(s, x.data, y); });
}

Array bind_adaptive_avg_pool2d_backward(py::handle dy_array, py::handle input_shape) {
    const char* op = "adaptive_avg_pool2d_backward";
    const auto dy = view<const float>(op, "dy", dy_array, 4);
    const Shape x = to_shape(op, "input_shape", input_shape, 4);
    const ResizeShape s = adaptive_shape(op, x, {dy.shape[2], dy.shape[3]});
    check_same_shape(op, "dy", dy.shape, "the forward pass", outputs(s));
    return filled(op, x, [=](float* dx) { adaptive_avg_pool2d_backward(s, dy.data, dx); });
}

py::tuple bind_adaptive_max_pool2d(py::handle x_array, py::handle output_size) {
    const char* op = "adaptive_max_pool2d";
    const auto x = view<const float>(op, "x", x_array, 4);
    const ResizeShape s = adaptive_shape(op, x.shape, to_pair(op, "output_size", output_size));
    return filled_tuple<float, int32_t>(op, {outputs(s), outputs(s)},
                                        [=](float* y, int32_t* indices) { adaptive_max_pool2d(s, x.data, y, indices); });
}

struct Interpolation {
    Pair scale;
    bool bilinear, align_corners;

    Interpolation(const char* op, py::handle scale_factor, py::handle mode, py::handle align)
        : scale(to_pair(op, "scale_factor", scale_factor)), align_corners(to_flag(op, "align_corners", align)) {
        const std::string word = to_word(op, "mode", mode);
        bilinear = word == "bilinear";
        if (!bilinear && word != "nearest") fail_value(op, "mode must be 'nearest' or 'bilinear', got '", word, "'");
        if (!bilinear && align_corners) fail_value(op, "align_corners needs mode 'bilinear'");
    }
};

Array bind_upsample2d(py::handle x_array, py::handle scale_factor, py::handle mode, py::handle align_corners) {
    const char* op = "upsample2d";
    const auto x = view<const float>(op, "x", x_array, 4);
    const Interpolation rule(op, scale_factor, mode, align_corners);
    const ResizeShape s = upsample_shape(op, x.shape, rule.scale);
    return filled(op, outputs(s), [=](float* y) {
        if (rule.bilinear) {
            upsample_bilinear(s, rule.scale, rule.align_corners, x.data, y);
        } else {
            upsample_nearest(s, rule.scale, x.data, y);
        }
    });
}

Array bind_upsample2d_backward(py::handle dy_array, py::handle input_shape, py::handle scale_factor, py::handle mode,
                               py::handle align_corners) {
    const char* op = "upsample2d_backward";
    const auto dy = view<const float>(op, "dy", dy_array, 4);
    const Interpolation rule(op, scale_factor, mode, align_corners);
    const Shape x = to_shape(op, "input_shape", input_shape, 4);
    const ResizeShape s = upsample_shape(op, x, rule.scale);
    check_same_shape(op, "dy", dy.shape, "the forward pass", outputs(s));
    return filled(op, x, [=](float* dx) {
        if (rule.bilinear) {
            upsample_bilinear_backward(s, rule.scale, rule.align_corners, dy.data, dx);
        } else {
            upsample_nearest_backward(s, rule.scale, dy.data, dx);
        }
    });
}

Padding to_numbers(const char* op, py::handle padding) {
    if (py::isinstance<py::str>(padding)) fail_type(op, "padding must be numbers, got str");
    return to_padding(op, padding).numbers;
}

Array bind_zero_pad2d(py::handle x_array, py::handle padding) {
    const char* op = "zero_pad2d";
    const auto x = view<const float>(op, "x", x_array, 4);
    const Padding pad = to_numbers(op, padding);
    const ResizeShape s = pad_shape(op, x.shape, pad);
    return filled(op, outputs(s), [=](float* y) { zero_pad2d(s, pad, x.data, y); });
}

Array bind_zero_pad2d_backward(py::handle dy_array, py::handle input_shape, py::handle padding) {
    const char* op = "zero_pad2d_backward";
    const auto dy = view<const float>(op, "dy", dy_array, 4);
    const Shape x = to_shape(op, "input_shape", input_shape, 4);
    const Padding pad = to_numbers(op, padding);
    const ResizeShape s = pad_shape(op, x, pad);
    check_same_shape(op, "dy", dy.shape, "the forward pass", outputs(s));
    return filled(op, x, [=](float* dx) { zero_pad2d_backward(s, pad, dy.data, dx); });
}

}  // namespace

void register_resize2d(py::module_& module) {
    module.def("adaptive_avg_pool2d", bind_adaptive_avg_pool2d, "x"_a, "output_size"_a);
    module.def("adaptive_avg_pool2d_backward", bind_adaptive_avg_pool2d_backward, "dy"_a, "input_shape"_a);
    module.def("adaptive_max_pool2d", bind_adaptive_max_pool2d, "x"_a, "output_size"_a);
    module.def("upsample2d", bind_upsample2d, "x"_a, "scale_factor"_a, "mode"_a = "nearest", "align_corners"_a = false);
    module.def("upsample2d_backward", bind_upsample2d_backward, "dy"_a, "input_shape"_a, "scale_factor"_a, "mode"_a = "nearest",
               "align_corners"_a = false);
    module.def("zero_pad2d", bind_zero_pad2d, "x"_a, "padding"_a);
    module.def("zero_pad2d_backward", bind_zero_pad2d_backward, "dy"_a, "input_shape"_a, "padding"_a);
}

}  // namespace pycnn
