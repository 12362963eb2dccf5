// Optimizer steps on arrays of any shape. Plain code that the compiler vectorises.
#pragma once

#include <cfloat>

#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

// PyTorch's SGD: g += weight_decay * w; v = first ? g : momentum * v + (1 - dampening) * g; w -= lr * (nesterov ? g +
// momentum * v : v).
void sgd(int64_t count, const SgdScalars& s, float* __restrict w, const float* __restrict grad, float* __restrict velocity) {
    if (s.momentum == 0.0f) {
        for (int64_t i = 0; i < count; ++i) w[i] -= s.lr * (grad[i] + s.weight_decay * w[i]);
        return;
    }
    // Selected, not multiplied by zero: zero times infinity would be NaN.
    for (int64_t i = 0; i < count; ++i) {
        const float g = grad[i] + s.weight_decay * w[i];
        const float v = s.first ? g : s.momentum * velocity[i] + s.one_minus_dampening * g;
        velocity[i] = v;
        w[i] -= s.lr * (s.nesterov ? g + s.momentum * v : v);
    }
}

// Kingma, Ba, "Adam", ICLR 2015, algorithm 1, in PyTorch's form; decay_factor = 1 - lr * weight_decay is AdamW's.
void adam(int64_t count, const AdamScalars& s, float* __restrict w, const float* __restrict grad, float* __restrict m,
          float* __restrict v) {
    // If the mean square is infinite the step is zero, even if its product would be infinite; a mean that is infinite or NaN yields
    // NaN.
    const float step_size = s.step_size;
    for (int64_t i = 0; i < count; ++i) {
        const float g = grad[i] + s.weight_decay * w[i];
        const float mean = s.beta1 * m[i] + s.one_minus_beta1 * g;
        const float square = s.beta2 * v[i] + s.one_minus_beta2 * g * g;
        m[i] = mean;
        v[i] = square;
        const float rate = square > FLT_MAX ? 0.0f : step_size;
        w[i] = w[i] * s.decay_factor - rate * mean / (__builtin_sqrtf(square) * s.inverse_root_correction2 + s.eps);
    }
}

// Zeiler, "ADADELTA", 2012, algorithm 1, in PyTorch's form.
void adadelta(int64_t count, const AdadeltaScalars& s, float* __restrict w, const float* __restrict grad,
              float* __restrict square_avg, float* __restrict acc_delta) {
    for (int64_t i = 0; i < count; ++i) {
        const float g = grad[i] + s.weight_decay * w[i];
        square_avg[i] = s.rho * square_avg[i] + s.one_minus_rho * g * g;
        const float delta = __builtin_sqrtf(acc_delta[i] + s.eps) / __builtin_sqrtf(square_avg[i] + s.eps) * g;
        acc_delta[i] = s.rho * acc_delta[i] + s.one_minus_rho * delta * delta;
        w[i] -= s.lr * delta;
    }
}

// Tieleman, Hinton, lecture 6.5, 2012; the optional parts are PyTorch's. They are template arguments, so that no loop tests which
// arrays exist.
template <bool kMomentum, bool kCentered>
void rmsprop_loop(int64_t count, const RmspropScalars& s, float* __restrict w, const float* __restrict grad,
                  float* __restrict square_avg, float* __restrict momentum_buffer, float* __restrict grad_avg) {
    for (int64_t i = 0; i < count; ++i) {
        const float g = grad[i] + s.weight_decay * w[i];
        square_avg[i] = s.alpha * square_avg[i] + s.one_minus_alpha * g * g;
        float variance = square_avg[i];
        if constexpr (kCentered) {
            grad_avg[i] = s.alpha * grad_avg[i] + s.one_minus_alpha * g;
            const float difference = variance - grad_avg[i] * grad_avg[i];
            const float positive = difference < 0.0f ? 0.0f : difference;  // rounding can make it negative; NaN passes
            variance = variance > FLT_MAX ? variance : positive;           // infinity stays infinite: the step is zero
        }
        float step = g / (__builtin_sqrtf(variance) + s.eps);
        if constexpr (kMomentum) step = momentum_buffer[i] = s.momentum * momentum_buffer[i] + step;
        w[i] -= s.lr * step;
    }
}

void rmsprop(int64_t count, const RmspropScalars& s, float* w, const float* grad, float* square_avg, float* momentum_buffer,
             float* grad_avg) {
    const auto loop = momentum_buffer ? (grad_avg ? rmsprop_loop<true, true> : rmsprop_loop<true, false>)
                                      : (grad_avg ? rmsprop_loop<false, true> : rmsprop_loop<false, false>);
    loop(count, s, w, grad, square_avg, momentum_buffer, grad_avg);
}

constexpr void fill_optim(KernelTable& table) {
    table.sgd = sgd;
    table.adam = adam;
    table.adadelta = adadelta;
    table.rmsprop = rmsprop;
}

}  // namespace
}  // namespace pycnn
