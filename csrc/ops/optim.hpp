// Optimizer steps, in place on w and the state arrays.
#pragma once

#include <cstdint>

namespace pycnn {

struct SgdScalars {
    float lr, momentum, one_minus_dampening, weight_decay;
    bool nesterov, first;
};

struct AdamScalars {
    float step_size, beta1, beta2;
    float one_minus_beta1, one_minus_beta2;  // taken in double: 1 - 0.999f is off by 2e-5 of itself
    float inverse_root_correction2, eps, decay_factor, weight_decay;
};

struct AdadeltaScalars {
    float lr, rho, one_minus_rho, eps, weight_decay;
};

struct RmspropScalars {
    float lr, alpha, one_minus_alpha, eps, weight_decay, momentum;
};

// Adam's settings, which are checked, and the number of the step, from 1.
struct AdamSettings {
    int64_t step;
    double lr, beta1, beta2, eps, weight_decay;
    bool decoupled;  // AdamW
};
AdamScalars adam_scalars(const AdamSettings& s);

// velocity may be null where momentum is 0.
void sgd_step(int64_t count, const SgdScalars& scalars, float* w, const float* grad, float* velocity);
void adam_step(int64_t count, const AdamScalars& scalars, float* w, const float* grad, float* m, float* v);
void adadelta_step(int64_t count, const AdadeltaScalars& scalars, float* w, const float* grad, float* square_avg,
                   float* acc_delta);
// momentum_buffer may be null where momentum is 0; grad_avg may be null: then the mean square is not centered.
void rmsprop_step(int64_t count, const RmspropScalars& scalars, float* w, const float* grad, float* square_avg,
                  float* momentum_buffer, float* grad_avg);

}  // namespace pycnn
