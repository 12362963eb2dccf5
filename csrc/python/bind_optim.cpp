#include "python/optim_arguments.hpp"
#include "python/overlap.hpp"
#include "run_op.hpp"

namespace pycnn {
namespace {

void bind_sgd_step(py::handle w_array, py::handle grad_array, py::handle velocity_array, py::handle lr_number,
                   py::handle momentum_number, py::handle dampening_number, py::handle weight_decay_number,
                   py::handle nesterov_flag, py::handle first_flag) {
    const char* op = "sgd_step";
    const auto w = view<float>(op, "w", w_array);
    const auto grad = view<const float>(op, "grad", grad_array);
    check_same_shape(op, "grad", grad.shape, "w", w.shape);
    const SgdScalars settings =
        to_sgd_scalars(op, lr_number, momentum_number, dampening_number, weight_decay_number, nesterov_flag, first_flag);
    const auto velocity = to_velocity(op, velocity_array, settings.momentum, w);
    check_apart(op, {{"w", w}, {"grad", grad}, {"velocity", velocity}});
    const Changing scalars(settings);
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
    const Changing scalars(
        to_adam_scalars(op, step_number, lr_number, betas_pair, eps_number, weight_decay_number, decoupled_flag));
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
    const double rho = to_setting(op, "rho", rho_number);
    if (rho > 1) fail_value(op, "rho must lie in [0, 1], got ", rho);
    const Changing scalars(AdadeltaScalars{static_cast<float>(to_setting(op, "lr", lr_number)), static_cast<float>(rho),
                                           static_cast<float>(1 - rho), static_cast<float>(eps_under_root(op, eps_number, rho)),
                                           static_cast<float>(to_setting(op, "weight_decay", weight_decay_number))});
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
    const double alpha = to_setting(op, "alpha", alpha_number), momentum = to_setting(op, "momentum", momentum_number);
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
        RmspropScalars{static_cast<float>(to_setting(op, "lr", lr_number)), static_cast<float>(alpha),
                       static_cast<float>(1 - alpha), static_cast<float>(eps_beside_root(op, eps_number, alpha)),
                       static_cast<float>(to_setting(op, "weight_decay", weight_decay_number)), static_cast<float>(momentum)});
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
