// Activations and optimizer steps: drivers that cut long arrays into chunks for the threads.
#pragma once

#include <cstdint>

#include "cpu/kernel_table.hpp"

namespace pycnn {

void relu(int64_t count, const float* x, float* y);
void relu_backward(int64_t count, const float* dy, const float* y, float* dx);

// In place on w and the state arrays; velocity may be null where momentum is 0.
void sgd_step(int64_t count, const SgdScalars& scalars, float* w, const float* grad, float* velocity);
void adam_step(int64_t count, const AdamScalars& scalars, float* w, const float* grad, float* m, float* v);

}  // namespace pycnn
