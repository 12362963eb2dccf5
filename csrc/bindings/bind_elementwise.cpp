#include <cmath>

#include "bindings/numpy_view.hpp"
#include "bindings/register.hpp"
#include "cpu/elementwise.hpp"

namespace pycnn {
namespace {

py::array bind_relu(py::handle x_array) {
    const auto x = view<const float>("relu", "x", x_array);
    float* y = nullptr;
    py::array result = new_array("relu", x.shape, y);
    py::gil_scoped_release release;
    relu(x.size(), x.data, y);
    return result;
}

py::array bind_relu_backward(py::handle dy_array, py::handle y_array) {
    const char* op = "relu_backward";
    const auto dy = view<const float>(op, "dy", dy_array);
    const auto y = view<const float>(op, "y", y_array);
    check_same_shape(op, "dy", dy.shape, "y", y.shape);
    float* dx = nullptr;
    py::array result = new_array(op, y.shape, dx);
    py::gil_scoped_release release;
    relu_backward(y.size(), dy.data, y.data, dx);
    return result;
}

// An array that is updated together with w: same shape, writeable.
View<float> state_view(const char* op, const char* name, py::handle array, const View<float>& w) {
    auto state = view<float>(op, name, array);
    check_same_shape(op, name, state.shape, "w", w.shape);
    return state;
}

void check_finite_positive(const char* op, const char* name, double value, bool zero_allowed) {
    if (!std::isfinite(value) || value < 0 || (value == 0 && !zero_allowed))
        fail_value(op, name, " must be a finite number ", zero_allowed ? ">= 0" : "> 0", ", got ", value);
}

void bind_sgd_step(py::handle w_array, py::handle grad_array, py::handle velocity_array, double lr, double momentum,
                   double dampening, double weight_decay, bool nesterov, bool first) {
    const char* op = "sgd_step";
    const auto w = view<float>(op, "w", w_array);
    const auto grad = view<const float>(op, "grad", grad_array);
    check_same_shape(op, "grad", grad.shape, "w", w.shape);
    check_finite_positive(op, "lr", lr, true);
    check_finite_positive(op, "momentum", momentum, true);
    check_finite_positive(op, "weight_decay", weight_decay, true);
    if (!std::isfinite(dampening)) fail_value(op, "dampening must be finite, got ", dampening);
    if (nesterov && (momentum == 0 || dampening != 0))
        fail_value(op, "nesterov needs momentum > 0 and dampening = 0, got momentum ", momentum, " and dampening ", dampening);
    if (momentum == 0 && !velocity_array.is_none())
        fail_value(op, "velocity is given, but momentum is 0: it would not be used");
    float* velocity = nullptr;
    if (momentum != 0) {
        if (velocity_array.is_none()) fail_value(op, "momentum ", momentum, " needs a velocity array, got None");
        velocity = state_view(op, "velocity", velocity_array, w).data;
    }
    const SgdScalars scalars{static_cast<float>(lr),
                             static_cast<float>(momentum),
                             static_cast<float>(1 - dampening),
                             static_cast<float>(weight_decay),
                             nesterov,
                             first};
    py::gil_scoped_release release;
    sgd_step(w.size(), scalars, w.data, grad.data, velocity);
}

void bind_adam_step(py::handle w_array, py::handle grad_array, py::handle m_array, py::handle v_array, py::handle step_number,
                    double lr, double beta1, double beta2, double eps, double weight_decay, bool decoupled) {
    const char* op = "adam_step";
    const auto w = view<float>(op, "w", w_array);
    const auto grad = view<const float>(op, "grad", grad_array);
    check_same_shape(op, "grad", grad.shape, "w", w.shape);
    const auto m = state_view(op, "m", m_array, w), v = state_view(op, "v", v_array, w);
    const int64_t step = to_int(op, "step", step_number);
    if (step < 1) fail_value(op, "step counts from 1, got ", step);
    check_finite_positive(op, "lr", lr, true);
    check_finite_positive(op, "eps", eps, true);
    check_finite_positive(op, "weight_decay", weight_decay, true);
    for (double beta : {beta1, beta2})
        if (!(beta >= 0 && beta < 1)) fail_value(op, "betas must lie in [0, 1), got (", beta1, ", ", beta2, ")");
    const double correction1 = 1 - std::pow(beta1, step), correction2 = 1 - std::pow(beta2, step);
    const AdamScalars scalars{static_cast<float>(lr / correction1),
                              static_cast<float>(beta1),
                              static_cast<float>(beta2),
                              static_cast<float>(1 - beta1),
                              static_cast<float>(1 - beta2),
                              static_cast<float>(1 / std::sqrt(correction2)),
                              static_cast<float>(eps),
                              static_cast<float>(decoupled ? 1 - lr * weight_decay : 1.0),
                              static_cast<float>(decoupled ? 0.0 : weight_decay)};
    py::gil_scoped_release release;
    adam_step(w.size(), scalars, w.data, grad.data, m.data, v.data);
}

}  // namespace

void register_elementwise(py::module_& module) {
    module.def("relu", bind_relu);
    module.def("relu_backward", bind_relu_backward);
    module.def("sgd_step", bind_sgd_step);
    module.def("adam_step", bind_adam_step);
}

}  // namespace pycnn
