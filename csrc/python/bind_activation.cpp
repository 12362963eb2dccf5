#include <cmath>

#include "ops/activation.hpp"
#include "python/results.hpp"

namespace pycnn {
namespace {

// A new array of the shape of x, filled by kernel(count, x, y).
template <class F>
Array forward(const char* op, py::handle x_array, F&& kernel) {
    const auto x = view<const float>(op, "x", x_array);
    return filled(op, x.shape, [=](float* y) { kernel(x.size(), x.data, y); });
}

// A new array filled by kernel(count, dy, other, dx); `other` is the op's input or output.
template <class F>
Array backward(const char* op, const char* name, py::handle dy_array, py::handle other_array, F&& kernel) {
    const auto dy = view<const float>(op, "dy", dy_array);
    const auto other = view<const float>(op, name, other_array);
    check_same_shape(op, "dy", dy.shape, name, other.shape);
    return filled(op, other.shape, [=](float* dx) { kernel(other.size(), dy.data, other.data, dx); });
}

Array bind_relu(py::handle x) { return forward("relu", x, relu); }
Array bind_relu_backward(py::handle dy, py::handle y) { return backward("relu_backward", "y", dy, y, relu_backward); }

Array bind_leaky_relu(py::handle x_array, py::handle slope_number) {
    const float slope = to_float("leaky_relu", "negative_slope", slope_number);
    return forward("leaky_relu", x_array, [=](int64_t n, const float* x, float* y) { leaky_relu(n, slope, x, y); });
}

Array bind_leaky_relu_backward(py::handle dy_array, py::handle x_array, py::handle slope_number) {
    const char* op = "leaky_relu_backward";
    const float slope = to_float(op, "negative_slope", slope_number);
    return backward(op, "x", dy_array, x_array,
                    [=](int64_t n, const float* dy, const float* x, float* dx) { leaky_relu_backward(n, slope, dy, x, dx); });
}

struct Scales {
    double amplitude, slope;
};

Scales scales_of(const char* op, py::handle amplitude_number, py::handle slope_number) {
    const Scales s{to_double(op, "amplitude", amplitude_number), to_double(op, "slope", slope_number)};
    if (to_float(op, "amplitude", amplitude_number) == 0) fail_value(op, "amplitude must not be zero, got ", s.amplitude);
    to_float(op, "slope", slope_number);
    const float ratio = static_cast<float>(s.slope / s.amplitude);
    if (!std::isfinite(ratio) || (s.slope != 0 && !std::isnormal(ratio)))
        fail_value(op, "slope / amplitude must be a finite float32 that is not denormal, got ", s.slope, " / ", s.amplitude);
    // The gradient takes its square.
    if (std::abs(s.amplitude) < 1e-18 || std::abs(s.amplitude) > 1e18)
        fail_value(op, "amplitude must be between 1e-18 and 1e18 in size, got ", s.amplitude);
    if (!std::isfinite(static_cast<float>(s.slope * s.amplitude)))
        fail_value(op, "slope * amplitude must be a finite float32, got ", s.slope, " * ", s.amplitude);
    return s;
}

Array bind_tanh(py::handle x_array, py::handle amplitude, py::handle slope) {
    const Scales s = scales_of("tanh", amplitude, slope);
    return forward("tanh", x_array, [=](int64_t n, const float* x, float* y) { tanh(n, s.amplitude, s.slope, x, y); });
}

Array bind_tanh_backward(py::handle dy_array, py::handle y_array, py::handle amplitude, py::handle slope) {
    const char* op = "tanh_backward";
    const Scales s = scales_of(op, amplitude, slope);
    return backward(op, "y", dy_array, y_array, [=](int64_t n, const float* dy, const float* y, float* dx) {
        tanh_backward(n, s.amplitude, s.slope, dy, y, dx);
    });
}

Array bind_sigmoid(py::handle x) { return forward("sigmoid", x, sigmoid); }
Array bind_sigmoid_backward(py::handle dy, py::handle y) { return backward("sigmoid_backward", "y", dy, y, sigmoid_backward); }

GeluForm form_of(const char* op, py::handle approximate) {
    const std::string word = to_word(op, "approximate", approximate);
    if (word == "none") return GeluForm::exact;
    if (word == "tanh") return GeluForm::tanh;
    fail_value(op, "approximate must be 'none' or 'tanh', got '", word, "'");
}

Array bind_gelu(py::handle x_array, py::handle approximate) {
    const GeluForm form = form_of("gelu", approximate);
    return forward("gelu", x_array, [=](int64_t n, const float* x, float* y) { gelu(n, form, x, y); });
}

Array bind_gelu_backward(py::handle dy_array, py::handle x_array, py::handle approximate) {
    const char* op = "gelu_backward";
    const GeluForm form = form_of(op, approximate);
    return backward(op, "x", dy_array, x_array,
                    [=](int64_t n, const float* dy, const float* x, float* dx) { gelu_backward(n, form, dy, x, dx); });
}

}  // namespace

void register_activation(py::module_& module) {
    module.def("relu", bind_relu, "x"_a);
    module.def("relu_backward", bind_relu_backward, "dy"_a, "y"_a);
    module.def("leaky_relu", bind_leaky_relu, "x"_a, "negative_slope"_a = 0.01);
    module.def("leaky_relu_backward", bind_leaky_relu_backward, "dy"_a, "x"_a, "negative_slope"_a = 0.01);
    module.def("tanh", bind_tanh, "x"_a, "amplitude"_a = 1.0, "slope"_a = 1.0);
    module.def("tanh_backward", bind_tanh_backward, "dy"_a, "y"_a, "amplitude"_a = 1.0, "slope"_a = 1.0);
    module.def("sigmoid", bind_sigmoid, "x"_a);
    module.def("sigmoid_backward", bind_sigmoid_backward, "dy"_a, "y"_a);
    module.def("gelu", bind_gelu, "x"_a, "approximate"_a = "none");
    module.def("gelu_backward", bind_gelu_backward, "dy"_a, "x"_a, "approximate"_a = "none");
}

}  // namespace pycnn
