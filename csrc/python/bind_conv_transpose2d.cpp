#include "ops/conv_transpose2d.hpp"
#include "python/results.hpp"

namespace pycnn {
namespace {

// The arguments after the arrays, as Python gave them.
struct Geometry {
    py::handle stride, padding, output_padding, dilation, groups;

    ConvShape shape(const char* op, const Shape& x, const Shape& w) const {
        return conv_transpose_shape(op, x, w, to_pair(op, "stride", stride), to_pair(op, "padding", padding),
                                    to_pair(op, "output_padding", output_padding), to_pair(op, "dilation", dilation),
                                    to_int(op, "groups", groups));
    }
};

Array bind_conv_transpose2d(py::handle x_array, py::handle w_array, py::handle b_array, py::handle stride, py::handle padding,
                            py::handle output_padding, py::handle dilation, py::handle groups) {
    const char* op = "conv_transpose2d";
    const auto x = view<const float>(op, "x", x_array, 4);
    const auto w = view<const float>(op, "weight", w_array, 4);
    const auto b = optional_view<const float>(op, "bias", b_array, 1);
    const ConvShape s = Geometry{stride, padding, output_padding, dilation, groups}.shape(op, x.shape, w.shape);
    if (b && b->shape[0] != s.C)
        fail_value(op, "bias has ", b->shape[0], " elements, the output ", s.C, " channels (bias: ", to_string(b->shape),
                   ", weight: ", to_string(w.shape), ")");
    return filled(op, {s.N, s.C, s.H, s.W}, [=](float* y) { conv_transpose2d(s, x.data, w.data, b ? b->data : nullptr, y); });
}

Array bind_conv_transpose2d_backward_input(py::handle dy_array, py::handle w_array, py::handle input_shape, py::handle stride,
                                           py::handle padding, py::handle output_padding, py::handle dilation,
                                           py::handle groups) {
    const char* op = "conv_transpose2d_backward_input";
    const auto dy = view<const float>(op, "dy", dy_array, 4);
    const auto w = view<const float>(op, "weight", w_array, 4);
    const Shape x = to_shape(op, "input_shape", input_shape, 4);
    const ConvShape s = Geometry{stride, padding, output_padding, dilation, groups}.shape(op, x, w.shape);
    check_same_shape(op, "dy", dy.shape, "the forward pass", {s.N, s.C, s.H, s.W});
    return filled(op, x, [=](float* dx) { conv_transpose2d_backward_input(s, dy.data, w.data, dx); });
}

py::tuple bind_conv_transpose2d_backward_weight(py::handle dy_array, py::handle x_array, py::handle weight_shape,
                                                py::handle stride, py::handle padding, py::handle output_padding,
                                                py::handle dilation, py::handle groups) {
    const char* op = "conv_transpose2d_backward_weight";
    const auto dy = view<const float>(op, "dy", dy_array, 4);
    const auto x = view<const float>(op, "x", x_array, 4);
    const Shape w = to_shape(op, "weight_shape", weight_shape, 4);
    const ConvShape s = Geometry{stride, padding, output_padding, dilation, groups}.shape(op, x.shape, w);
    check_same_shape(op, "dy", dy.shape, "the forward pass", {s.N, s.C, s.H, s.W});
    return filled_tuple<float, float>(
        op, {w, Shape{s.C}}, [=](float* dw, float* db) { conv_transpose2d_backward_weight(s, dy.data, x.data, dw, db); });
}

}  // namespace

void register_conv_transpose2d(py::module_& module) {
    module.def("conv_transpose2d", bind_conv_transpose2d, "x"_a, "w"_a, "b"_a = py::none(), "stride"_a = 1, "padding"_a = 0,
               "output_padding"_a = 0, "dilation"_a = 1, "groups"_a = 1);
    module.def("conv_transpose2d_backward_input", bind_conv_transpose2d_backward_input, "dy"_a, "w"_a, "input_shape"_a,
               "stride"_a = 1, "padding"_a = 0, "output_padding"_a = 0, "dilation"_a = 1, "groups"_a = 1);
    module.def("conv_transpose2d_backward_weight", bind_conv_transpose2d_backward_weight, "dy"_a, "x"_a, "weight_shape"_a,
               "stride"_a = 1, "padding"_a = 0, "output_padding"_a = 0, "dilation"_a = 1, "groups"_a = 1);
}

}  // namespace pycnn
