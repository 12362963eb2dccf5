// Loops over arrays of any shape: sums, optimizer steps. Written plainly for the compiler to vectorise.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

void add_bias(int64_t rows, int64_t columns, const float* __restrict bias, float* __restrict y) {
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j) y[i * columns + j] = bias[j];
}

float sum(int64_t count, const float* x) {
    Vec total[4] = {};  // four chains hide the latency of the addition
    int64_t i = 0;
    for (; i + 4 * kLanes <= count; i += 4 * kLanes)
        for (int v = 0; v < 4; ++v) total[v] += load(x + i + v * kLanes);
    for (; i + kLanes <= count; i += kLanes) total[0] += load(x + i);
    if (i < count) total[1] += load_first(x + i, count - i);
    return horizontal_sum((total[0] + total[1]) + (total[2] + total[3]));
}

// PyTorch's SGD: g += weight_decay * w; v = first ? g : momentum * v + (1 - dampening) * g; w -= lr * (nesterov ? g +
// momentum * v : v).
void sgd(int64_t count, const SgdScalars& s, float* __restrict w, const float* __restrict grad, float* __restrict velocity) {
    if (s.momentum == 0.0f) {
        for (int64_t i = 0; i < count; ++i) w[i] -= s.lr * (grad[i] + s.weight_decay * w[i]);
        return;
    }
    // Selected, never multiplied by zero: the product with an infinity would be NaN.
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
    for (int64_t i = 0; i < count; ++i) {
        const float g = grad[i] + s.weight_decay * w[i];
        m[i] = s.beta1 * m[i] + s.one_minus_beta1 * g;
        v[i] = s.beta2 * v[i] + s.one_minus_beta2 * g * g;
        const float denominator = __builtin_sqrtf(v[i]) * s.inverse_root_correction2 + s.eps;
        w[i] = w[i] * s.decay_factor - s.step_size * m[i] / denominator;
    }
}

}  // namespace
}  // namespace pycnn
