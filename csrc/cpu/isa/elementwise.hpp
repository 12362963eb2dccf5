// Loops over arrays of any shape: sums and copies. Plain code that the compiler vectorises.
#pragma once

#include "core/sum_block.hpp"
#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

void add_bias(int64_t rows, int64_t columns, const float* __restrict bias, float* __restrict y) {
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j) y[i * columns + j] = bias[j];
}

float sum_block(int64_t count, const float* x) {
    Vec total[4] = {};  // four chains hide the latency of the addition
    int64_t i = 0;
    for (; i + 4 * kLanes <= count; i += 4 * kLanes)
        for (int v = 0; v < 4; ++v) total[v] += load(x + i + v * kLanes);
    for (; i + kLanes <= count; i += kLanes) total[0] += load(x + i);
    if (i < count) total[1] += load_first(x + i, count - i);
    return horizontal_sum((total[0] + total[1]) + (total[2] + total[3]));
}

// In blocks of kSumBlock vectors per chain.
float sum(int64_t count, const float* x) {
    constexpr int64_t kBlock = kSumBlock * 4 * kLanes;
    double total = 0;
    for (; count > kBlock; count -= kBlock, x += kBlock) total += sum_block(kBlock, x);
    return static_cast<float>(total + sum_block(count, x));
}

constexpr void fill_elementwise(KernelTable& table) {
    table.add_bias = add_bias;
    table.sum = sum;
}

}  // namespace
}  // namespace pycnn
