#include <cmath>

#include "ops/optim.hpp"
#include "python/overlap.hpp"
#include "python/views.hpp"
#include "run_op.hpp"

namespace pycnn {
namespace {

// An array that is updated together with w: same shape, writeable.
View<float> state_view(const char* op, const char* name, py::handle array, const View<float>& w) {
    auto state = view<float>(op, name, array);
    check_same_shape(op, name, state.shape, "w", w.shape);
    return state;
}

// A setting that must be a finite float32 and not negative; in double, for arithmetic with others.
double setting(const char* op, const char* name, py::handle number) {
    const double value = to_double(op, name, number);
    if (to_float(op, name, number) < 0) fail_value(op, name, " must be >= 0, got ", value);
    return value;
}

// The eps of an optimizer that keeps the share `kept` of an old mean square. Squares below 2^-126 count as zero, so the mean
// square may be too small by 2^-125 / (1 - kept), and its root by the root of that. A much larger eps hides this error. The
// limits leave an error of 2 % at most. Below them such squares would decide the step: it would be 3e7 times too large, or 0 /
// 0.
double eps_setting(const char* op, py::handle number, double least) {
    const double eps = setting(op, "eps", number);
    if (eps < least)
        fail_value(op, "eps must be at least ", std::string(py::repr(py::float_(least))),
                   " (squares of gradients count as zero below 2^-126), got ", std::string(py::repr(number)));
    return eps;
}
double changing_share(double kept) { return kept < 1 ? 1 - kept : 1; }
double eps_beside_root(const char* op, py::handle number, double kept) {
    return eps_setting(op, number, 1e-17 / std::sqrt(changing_share(kept)));
}
double eps_under_root(const char* op, py::handle number, double kept) {
    return eps_setting(op, number, 1e-36 / changing_share(kept));
}

void bind_sgd_step(py::handle w_array, py::handle grad_array, py::handle velocity_array, py::handle lr_number,
                   py::handle momentum_number, py::handle dampening_number, py::handle weight_decay_number,
                   py::handle nesterov_flag, py::handle first_flag) {
    const char* op = "sgd_step";
    const auto w = view<float>(op, "w", w_array);
    const auto grad = view<const float>(op, "grad", grad_array);
    check_same_shape(op, "grad", grad.shape, "w", w.shape);
    const double lr = setting(op, "lr", lr_number), momentum = setting(op, "momentum", momentum_number);
    const double dampening = to_float(op, "dampening", dampening_number);
    const double weight_decay = setting(op, "weight_decay", weight_decay_number);
    const bool nesterov = to_flag(op, "nesterov", nesterov_flag), first = to_flag(op, "first", first_flag);
    if (nesterov && (momentum == 0 || dampening != 0))
        fail_value(op, "nesterov needs momentum > 0 and dampening = 0, got momentum ", momentum, " and dampening ", dampening);
    if (momentum == 0 && !velocity_array.is_none())
        fail_value(op, "velocity is given, but momentum is 0: it would not be used");
    View<float> velocity;
    if (momentum != 0) {
        if (velocity_array.is_none()) fail_value(op, "momentum ", momentum, " needs a velocity array, got None");
        velocity = state_view(op, "velocity", velocity_array, w);
    }
    check_apart(op, {{"w", w}, {"grad", grad}, {"velocity", velocity}});
    const Changing scalars(SgdScalars{static_cast<float>(lr), static_cast<float>(momentum), static_cast<float>(1 - dampening),
                                      static_cast<float>(weight_decay), nesterov, first});
    run_op(op, [=] { sgd_step(w.size(), *scalars, w.data, grad.data, velocity.data); });
}

void bind_adam_step(py::handle w_array, py::handle grad_array, py::handle m_array, py::handle v_array, py::handle step_number,
                    py::handle lr_number, py::handle betas_pair, py::handle eps_number, py::handle weight_decay_number,
                    py::handle decoupled_flag) {
    const char* op = "adam_step";
    const auto w = view<float>(op, "w", w_array);
    const auto grad = view<const float>(op, "grad", grad_array);
    check_same_shape(op, "grad", grad.shape, "w", w.shape);
    const auto m = state_view(op, "m", m_array, w), v = state_view(op, "v", v_array, w);
    check_apart(op, {{"w", w}, {"grad", grad}, {"m", m}, {"v", v}});
    const int64_t step = to_int(op, "step", step_number);
    if (step < 1) fail_value(op, "step counts from 1, got ", step);
    const double lr = setting(op, "lr", lr_number), weight_decay = setting(op, "weight_decay", weight_decay_number);
    const auto betas = to_two(op, "betas", betas_pair);
    const double beta1 = setting(op, "betas", betas[0]), beta2 = setting(op, "betas", betas[1]);
    if (beta1 >= 1 || beta2 >= 1) fail_value(op, "betas must lie in [0, 1), got (", beta1, ", ", beta2, ")");
    const double eps = eps_beside_root(op, eps_number, beta2);
    const bool decoupled = to_flag(op, "decoupled", decoupled_flag);
    // The product of the rate and a mean gradient of up to 1e19 must not overflow before it is divided.
    if (lr > 1e19) fail_value(op, "lr must be at most 1e19, got ", lr);
    if (decoupled && !std::isfinite(static_cast<float>(lr * weight_decay)))
        fail_value(op, "lr * weight_decay must be a finite float32, got ", lr, " * ", weight_decay);
    const Changing scalars(adam_scalars({step, lr, beta1, beta2, eps, weight_decay, decoupled}));
    run_op(op, [=] { adam_step(w.size(), *scalars, w.data, grad.data, m.data, v.data); });
}

void bind_adadelta_step(py::handle w_array, py::handle grad_array, py::handle square_avg_array, py::handle acc_delta_array,
                        py::handle lr_number, py::handle rho_number, py::handle eps_number, py::handle weight_decay_number) {
    const char* op = "adadelta_step";
    const auto w = view<float>(op, "w", w_array);
    const auto grad = view<const float>(op, "grad", grad_array);
    check_same_shape(op, "grad", grad.shape, "w", w.shape);
    const auto square_avg = state_view(op, "square_avg", square_avg_array, w);
    const auto acc_delta = state_view(op, "acc_delta", acc_delta_array, w);
    check_apart(op, {{"w", w}, {"grad", grad}, {"square_avg", square_avg}, {"acc_delta", acc_delta}});
    const double rho = setting(op, "rho", rho_number);
    if (rho > 1) fail_value(op, "rho must lie in [0, 1], got ", rho);
    const Changing scalars(AdadeltaScalars{static_cast<float>(setting(op, "lr", lr_number)), static_cast<float>(rho),
                                           static_cast<float>(1 - rho), static_cast<float>(eps_under_root(op, eps_number, rho)),
                                           static_cast<float>(setting(op, "weight_decay", weight_decay_number))});
    run_op(op, [=] { adadelta_step(w.size(), *scalars, w.data, grad.data, square_avg.data, acc_delta.data); });
}

void bind_rmsprop_step(py::handle w_array, py::handle grad_array, py::handle square_avg_array, py::handle momentum_array,
                       py::handle grad_avg_array, py::handle lr_number, py::handle alpha_number, py::handle eps_number,
                       py::handle weight_decay_number, py::handle momentum_number) {
    const char* op = "rmsprop_step";
    const auto w = view<float>(op, "w", w_array);
    const auto grad = view<const float>(op, "grad", grad_array);
    check_same_shape(op, "grad", grad.shape, "w", w.shape);
    const auto square_avg = state_view(op, "square_avg", square_avg_array, w);
    const double alpha = setting(op, "alpha", alpha_number), momentum = setting(op, "momentum", momentum_number);
    if (alpha > 1) fail_value(op, "alpha must lie in [0, 1], got ", alpha);
    if (momentum_array.is_none() != (momentum == 0))
        fail_value(op, "momentum_buffer is needed if momentum is not 0, and only then (momentum is ", momentum, ")");
    View<float> momentum_buffer, grad_avg;
    if (momentum != 0) momentum_buffer = state_view(op, "momentum_buffer", momentum_array, w);
    if (!grad_avg_array.is_none()) grad_avg = state_view(op, "grad_avg", grad_avg_array, w);
    check_apart(
        op,
        {{"w", w}, {"grad", grad}, {"square_avg", square_avg}, {"momentum_buffer", momentum_buffer}, {"grad_avg", grad_avg}});
    const Changing scalars(
        RmspropScalars{static_cast<float>(setting(op, "lr", lr_number)), static_cast<float>(alpha),
                       static_cast<float>(1 - alpha), static_cast<float>(eps_beside_root(op, eps_number, alpha)),
                       static_cast<float>(setting(op, "weight_decay", weight_decay_number)), static_cast<float>(momentum)});
    run_op(op,
           [=] { rmsprop_step(w.size(), *scalars, w.data, grad.data, square_avg.data, momentum_buffer.data, grad_avg.data); });
}

}  // namespace

void register_optim(py::module_& module) {
    module.def("sgd_step", bind_sgd_step, "w"_a, "grad"_a, "velocity"_a, "lr"_a, "momentum"_a = 0.0, "dampening"_a = 0.0,
               "weight_decay"_a = 0.0, "nesterov"_a = false, "first"_a = false);
    module.def("adam_step", bind_adam_step, "w"_a, "grad"_a, "m"_a, "v"_a, "step"_a, "lr"_a = 0.001,
               "betas"_a = py::make_tuple(0.9, 0.999), "eps"_a = 1e-8, "weight_decay"_a = 0.0, "decoupled"_a = false);
    module.def("adadelta_step", bind_adadelta_step, "w"_a, "grad"_a, "square_avg"_a, "acc_delta"_a, "lr"_a = 1.0, "rho"_a = 0.9,
               "eps"_a = 1e-6, "weight_decay"_a = 0.0);
    module.def("rmsprop_step", bind_rmsprop_step, "w"_a, "grad"_a, "square_avg"_a, "momentum_buffer"_a, "grad_avg"_a, "lr"_a,
               "alpha"_a = 0.99, "eps"_a = 1e-8, "weight_decay"_a = 0.0, "momentum"_a = 0.0);
}

}  // namespace pycnn
