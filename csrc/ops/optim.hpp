// Optimizer steps, in place on w and the state arrays: drivers that cut long arrays into chunks for the threads.
#pragma once

#include <cstdint>

#include "ops/parameters.hpp"

namespace pycnn {

// velocity may be null where momentum is 0.
void sgd_step(int64_t count, const SgdScalars& scalars, float* w, const float* grad, float* velocity);
void adam_step(int64_t count, const AdamScalars& scalars, float* w, const float* grad, float* m, float* v);
void adadelta_step(int64_t count, const AdadeltaScalars& scalars, float* w, const float* grad, float* square_avg,
                   float* acc_delta);
// momentum_buffer may be null where momentum is 0; grad_avg may be null: then the mean square is not centered.
void rmsprop_step(int64_t count, const RmspropScalars& scalars, float* w, const float* grad, float* square_avg,
                  float* momentum_buffer, float* grad_avg);

}  // namespace pycnn
