#include "python/optim_arguments.hpp"

#include <cmath>

namespace pycnn {
namespace {

// The eps of an optimizer that keeps the share `kept` of an old mean square. Squares below 2^-126 count as zero, so the mean
// square may be too small by 2^-125 / (1 - kept), and its root by the root of that. A much larger eps hides this error. The
// limits leave an error of 2 % at most. Below them such squares would decide the step: it would be 3e7 times too large, or 0 /
// 0.
double eps_setting(const char* op, py::handle number, double least) {
    const double eps = to_setting(op, "eps", number);
    if (eps < least)
        fail_value(op, "eps must be at least ", std::string(py::repr(py::float_(least))),
                   " (squares of gradients count as zero below 2^-126), got ", std::string(py::repr(number)));
    return eps;
}

double changing_share(double kept) { return kept < 1 ? 1 - kept : 1; }

}  // namespace

double to_setting(const char* op, const char* name, py::handle number) {
    const double value = to_double(op, name, number);
    if (to_float(op, name, number) < 0) fail_value(op, name, " must be >= 0, got ", value);
    return value;
}

double eps_beside_root(const char* op, py::handle number, double kept) {
    return eps_setting(op, number, 1e-17 / std::sqrt(changing_share(kept)));
}

double eps_under_root(const char* op, py::handle number, double kept) {
    return eps_setting(op, number, 1e-36 / changing_share(kept));
}

SgdScalars to_sgd_scalars(const char* op, py::handle lr_number, py::handle momentum_number, py::handle dampening_number,
                          py::handle weight_decay_number, py::handle nesterov_flag, py::handle first_flag) {
    const double lr = to_setting(op, "lr", lr_number), momentum = to_setting(op, "momentum", momentum_number);
    const double dampening = to_float(op, "dampening", dampening_number);
    const double weight_decay = to_setting(op, "weight_decay", weight_decay_number);
    const bool nesterov = to_flag(op, "nesterov", nesterov_flag), first = to_flag(op, "first", first_flag);
    if (nesterov && (momentum == 0 || dampening != 0))
        fail_value(op, "nesterov needs momentum > 0 and dampening = 0, got momentum ", momentum, " and dampening ", dampening);
    return {static_cast<float>(lr),
            static_cast<float>(momentum),
            static_cast<float>(1 - dampening),
            static_cast<float>(weight_decay),
            nesterov,
            first};
}

AdamScalars to_adam_scalars(const char* op, py::handle step_number, py::handle lr_number, py::handle betas_pair,
                            py::handle eps_number, py::handle weight_decay_number, py::handle decoupled_flag) {
    const int64_t step = to_int(op, "step", step_number);
    if (step < 1) fail_value(op, "step counts from 1, got ", step);
    const double lr = to_setting(op, "lr", lr_number), weight_decay = to_setting(op, "weight_decay", weight_decay_number);
    const auto betas = to_two(op, "betas", betas_pair);
    const double beta1 = to_setting(op, "betas", betas[0]), beta2 = to_setting(op, "betas", betas[1]);
    if (beta1 >= 1 || beta2 >= 1) fail_value(op, "betas must lie in [0, 1), got (", beta1, ", ", beta2, ")");
    const double eps = eps_beside_root(op, eps_number, beta2);
    const bool decoupled = to_flag(op, "decoupled", decoupled_flag);
    // The product of the rate and a mean gradient of up to 1e19 must not overflow before it is divided.
    if (lr > 1e19) fail_value(op, "lr must be at most 1e19, got ", lr);
    if (decoupled && !std::isfinite(static_cast<float>(lr * weight_decay)))
        fail_value(op, "lr * weight_decay must be a finite float32, got ", lr, " * ", weight_decay);
    return adam_scalars({step, lr, beta1, beta2, eps, weight_decay, decoupled});
}

View<float> state_view(const char* op, const char* name, py::handle array, const View<float>& w) {
    auto state = view<float>(op, name, array);
    check_same_shape(op, name, state.shape, "w", w.shape);
    return state;
}

View<float> to_velocity(const char* op, py::handle array, float momentum, const View<float>& w) {
    if (momentum == 0 && !array.is_none()) fail_value(op, "velocity is given, but momentum is 0: it would not be used");
    if (momentum == 0) return {};
    if (array.is_none()) fail_value(op, "momentum ", momentum, " needs a velocity array, got None");
    return state_view(op, "velocity", array, w);
}

}  // namespace pycnn
