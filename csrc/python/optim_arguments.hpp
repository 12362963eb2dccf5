// What the bindings of optimizer steps share: settings and their limits, and arrays of state.
#pragma once

#include "ops/optim.hpp"
#include "python/views.hpp"

namespace pycnn {

// A setting that must be a finite float32 and not negative; in double, for arithmetic with others.
double to_setting(const char* op, const char* name, py::handle number);

// The eps of an optimizer that keeps the share `kept` of an old mean square, added to its root or to the square.
double eps_beside_root(const char* op, py::handle number, double kept);
double eps_under_root(const char* op, py::handle number, double kept);

SgdScalars to_sgd_scalars(const char* op, py::handle lr, py::handle momentum, py::handle dampening, py::handle weight_decay,
                          py::handle nesterov, py::handle first);
AdamScalars to_adam_scalars(const char* op, py::handle step, py::handle lr, py::handle betas, py::handle eps,
                            py::handle weight_decay, py::handle decoupled);

// An array that is updated together with w: same shape, writeable.
View<float> state_view(const char* op, const char* name, py::handle array, const View<float>& w);

// The velocity of SGD with this momentum: None, and an empty view, if that is 0.
View<float> to_velocity(const char* op, py::handle array, float momentum, const View<float>& w);

}  // namespace pycnn
