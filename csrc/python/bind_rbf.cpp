#include "ops/rbf.hpp"
#include "python/results.hpp"

namespace pycnn {
namespace {

RbfShape shape_of(const char* op, const Shape& x, const Shape& centres) {
    if (x[1] != centres[1])
        fail_value(op, "centres have ", centres[1], " features, x has ", x[1], " (x: ", to_string(x),
                   ", centres: ", to_string(centres), ")");
    if (x[1] < 1 || centres[0] < 1)
        fail_value(op, "needs at least one feature and one centre (x: ", to_string(x), ", centres: ", to_string(centres), ")");
    return {x[0], x[1], centres[0]};
}

Array bind_rbf(py::handle x_array, py::handle centres_array) {
    const char* op = "rbf";
    const auto x = view<const float>(op, "x", x_array, 2);
    const auto centres = view<const float>(op, "centres", centres_array, 2);
    const RbfShape s = shape_of(op, x.shape, centres.shape);
    return filled(op, {s.N, s.centres}, [=](float* y) { rbf(s, x.data, centres.data, y); });
}

py::tuple bind_rbf_backward(py::handle dy_array, py::handle x_array, py::handle centres_array) {
    const char* op = "rbf_backward";
    const auto dy = view<const float>(op, "dy", dy_array, 2);
    const auto x = view<const float>(op, "x", x_array, 2);
    const auto centres = view<const float>(op, "centres", centres_array, 2);
    const RbfShape s = shape_of(op, x.shape, centres.shape);
    check_same_shape(op, "dy", dy.shape, "the forward pass", {s.N, s.centres});
    return filled_tuple<float, float>(op, {x.shape, centres.shape}, [=](float* dx, float* dcentres) {
        rbf_backward(s, dy.data, x.data, centres.data, dx, dcentres);
    });
}

}  // namespace

void register_rbf(py::module_& module) {
    module.def("rbf", bind_rbf, "x"_a, "centres"_a);
    module.def("rbf_backward", bind_rbf_backward, "dy"_a, "x"_a, "centres"_a);
}

}  // namespace pycnn
