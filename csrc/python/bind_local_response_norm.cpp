#include <limits>

#include "ops/local_response_norm.hpp"
#include "python/results.hpp"

namespace pycnn {
namespace {

// `form` 'mean' divides alpha by the size, 'paper' does not and has as many channels on both sides.
LrnShape shape_of(const char* op, const Shape& x, py::handle size_number, py::handle alpha_number, py::handle beta_number,
                  double k, py::handle form) {
    check_images(op, x);
    const int64_t size = to_int(op, "size", size_number);
    if (size < 1) fail_value(op, "size must be at least 1, got ", size);
    double alpha = to_double(op, "alpha", alpha_number);
    const double beta = to_double(op, "beta", beta_number);
    if (to_float(op, "alpha", alpha_number) < 0) fail_value(op, "alpha must be >= 0, got ", alpha);
    if (to_float(op, "beta", beta_number) < 0) fail_value(op, "beta must be >= 0, got ", beta);
    const std::string word = to_word(op, "form", form);
    if (word == "mean") {
        alpha /= static_cast<double>(size);
    } else if (word != "paper") {
        fail_value(op, "form must be 'mean' or 'paper', got '", word, "'");
    } else if (size % 2 == 0) {
        fail_value(op, "form 'paper' needs an odd size, got ", size);
    }
    return {x[0], x[1], x[2] * x[3], size, k, alpha, beta};
}

py::tuple bind_local_response_norm(py::handle x_array, py::handle size, py::handle alpha, py::handle beta, py::handle k_number,
                                   py::handle form) {
    const char* op = "local_response_norm";
    const auto x = view<const float>(op, "x", x_array, 4);
    const double k = to_double(op, "k", k_number);
    if (to_float(op, "k", k_number) < std::numeric_limits<float>::min())
        fail_value(op, "k must be above 0 (at least 2^-126), got ", k);
    const LrnShape s = shape_of(op, x.shape, size, alpha, beta, k, form);
    return filled_tuple<float, float>(op, {x.shape, x.shape},
                                      [=](float* y, float* scale) { local_response_norm(s, x.data, y, scale); });
}

Array bind_local_response_norm_backward(py::handle dy_array, py::handle x_array, py::handle y_array, py::handle scale_array,
                                        py::handle size, py::handle alpha, py::handle beta, py::handle form) {
    const char* op = "local_response_norm_backward";
    const auto dy = view<const float>(op, "dy", dy_array, 4), x = view<const float>(op, "x", x_array, 4);
    const auto y = view<const float>(op, "y", y_array, 4), scale = view<const float>(op, "scale", scale_array, 4);
    const LrnShape s = shape_of(op, x.shape, size, alpha, beta, 1.0, form);
    check_same_shape(op, "dy", dy.shape, "x", x.shape);
    check_same_shape(op, "y", y.shape, "x", x.shape);
    check_same_shape(op, "scale", scale.shape, "x", x.shape);
    return filled(op, x.shape, [=](float* dx) { local_response_norm_backward(s, dy.data, x.data, y.data, scale.data, dx); });
}

}  // namespace

void register_local_response_norm(py::module_& module) {
    module.def("local_response_norm", bind_local_response_norm, "x"_a, "size"_a = 5, "alpha"_a = 0.0001, "beta"_a = 0.75,
               "k"_a = 1.0, "form"_a = "mean");
    module.def("local_response_norm_backward", bind_local_response_norm_backward, "dy"_a, "x"_a, "y"_a, "scale"_a, "size"_a = 5,
               "alpha"_a = 0.0001, "beta"_a = 0.75, "form"_a = "mean");
}

}  // namespace pycnn
