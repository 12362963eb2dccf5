// Optimizer steps: drivers that cut long arrays into chunks for the threads.
#pragma once

#include <cstdint>

#include "cpu/kernel_table.hpp"

namespace pycnn {

// In place on w and the state arrays; velocity may be null where momentum is 0.
void sgd_step(int64_t count, const SgdScalars& scalars, float* w, const float* grad, float* velocity);
void adam_step(int64_t count, const AdamScalars& scalars, float* w, const float* grad, float* m, float* v);

}  // namespace pycnn
