#include "ops/linear.hpp"
#include "python/results.hpp"
#include "python/weight_gradients.hpp"

namespace pycnn {
namespace {

LinearShape shape_of(const char* op, int64_t N, int64_t inputs, int64_t outputs) {
    if (inputs < 1 || outputs < 1)
        fail_value(op, "needs at least one feature in and out, got ", inputs, " in and ", outputs, " out");
    element_count(op, {inputs, outputs});
    element_count(op, {N, outputs});
    return {N, inputs, outputs};
}

using LinearForward = void (*)(const LinearShape&, const float* x, const float* w, const float* b, float* y);

Array forward(const char* op, LinearForward compute, py::handle x_array, py::handle w_array, py::handle b_array) {
    const auto x = view<const float>(op, "x", x_array, 2);
    const auto w = view<const float>(op, "weight", w_array, 2);
    const auto b = optional_view<const float>(op, "bias", b_array, 1);
    if (x.shape[1] != w.shape[1])
        fail_value(op, "weight expects ", w.shape[1], " features, x has ", x.shape[1], " (x: ", to_string(x.shape),
                   ", weight: ", to_string(w.shape), ")");
    if (b && b->shape[0] != w.shape[0])
        fail_value(op, "bias has ", b->shape[0], " elements, weight has ", w.shape[0], " rows (bias: ", to_string(b->shape),
                   ", weight: ", to_string(w.shape), ")");
    const LinearShape s = shape_of(op, x.shape[0], w.shape[1], w.shape[0]);
    return filled(op, {s.N, s.outputs}, [=](float* y) { compute(s, x.data, w.data, b ? b->data : nullptr, y); });
}

Array bind_linear(py::handle x, py::handle w, py::handle b) { return forward("linear", linear, x, w, b); }
Array bind_linear_relu(py::handle x, py::handle w, py::handle b) { return forward("linear_relu", linear_relu, x, w, b); }

Array bind_linear_backward_input(py::handle dy_array, py::handle w_array) {
    const char* op = "linear_backward_input";
    const auto dy = view<const float>(op, "dy", dy_array, 2);
    const auto w = view<const float>(op, "weight", w_array, 2);
    if (dy.shape[1] != w.shape[0])
        fail_value(op, "weight has ", w.shape[0], " rows, dy has ", dy.shape[1], " features (dy: ", to_string(dy.shape),
                   ", weight: ", to_string(w.shape), ")");
    const LinearShape s = shape_of(op, dy.shape[0], w.shape[1], w.shape[0]);
    return filled(op, {s.N, s.inputs}, [=](float* dx) { linear_backward_input(s, dy.data, w.data, dx); });
}

py::tuple bind_linear_backward_weight(py::handle dy_array, py::handle x_array, py::handle out) {
    const char* op = "linear_backward_weight";
    const auto dy = view<const float>(op, "dy", dy_array, 2);
    const auto x = view<const float>(op, "x", x_array, 2);
    if (dy.shape[0] != x.shape[0])
        fail_value(op, "dy has ", dy.shape[0], " rows, x has ", x.shape[0], " (dy: ", to_string(dy.shape),
                   ", x: ", to_string(x.shape), ")");
    const LinearShape s = shape_of(op, x.shape[0], x.shape[1], dy.shape[1]);
    WeightGradients gradients(op, out, {s.outputs, s.inputs}, {s.outputs}, {{"dy", dy}, {"x", x}});
    return gradients.filled(op, [=](float* dw, float* db) { linear_backward_weight(s, dy.data, x.data, dw, db); });
}

}  // namespace

void register_linear(py::module_& module) {
    module.def("linear", bind_linear, "x"_a, "w"_a, "b"_a = py::none());
    module.def("linear_relu", bind_linear_relu, "x"_a, "w"_a, "b"_a = py::none());
    module.def("linear_backward_input", bind_linear_backward_input, "dy"_a, "w"_a);
    module.def("linear_backward_weight", bind_linear_backward_weight, "dy"_a, "x"_a, "out"_a = py::none());
}

}  // namespace pycnn
