// Loops over arrays of any shape: activations and sums. Written plainly for the compiler to vectorise.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

// x < 0 ? 0 : x and not max(x, 0): NaN passes.
void relu(int64_t count, const float* __restrict x, float* __restrict y) {
    for (int64_t i = 0; i < count; ++i) y[i] = x[i] < 0.0f ? 0.0f : x[i];
}

void relu_backward(int64_t count, const float* __restrict dy, const float* __restrict y, float* __restrict dx) {
    for (int64_t i = 0; i < count; ++i) dx[i] = y[i] <= 0.0f ? 0.0f : dy[i];
}

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

}  // namespace
}  // namespace pycnn
