// Dropout: an element is kept if its random number is at least the threshold. A select, not a product with 0 or 1: a dropped
// NaN or infinity is zero.
#pragma once

#include "cpu/isa/philox.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

// x where `keep` is 1, 0 where it is 0. Done with bits, because SSE2 has no select instruction and GCC would emit a branch, which the
// processor would mispredict half of the time.
inline float where_kept(uint32_t keep, float x) {
    return __builtin_bit_cast(float, __builtin_bit_cast(uint32_t, x) & (0 - keep));
}

// x starts with the first number of block `first_block`. The numbers pass through a buffer in L1, so that a plain loop uses them and
// the last ones need no special care.
void dropout(int64_t count, uint64_t first_block, const DropoutScalars& s, const float* __restrict x, float* __restrict y,
             uint8_t* __restrict kept) {
    constexpr int64_t kStep = 4 * kPhiloxBlocks, kBuffer = 16 * kStep;
    uint32_t number[kBuffer];
    const uint32_t threshold = s.threshold;
    const float scale = s.scale;
    for (int64_t begin = 0; begin < count; begin += kBuffer) {
        const int64_t n = count - begin < kBuffer ? count - begin : kBuffer;
        for (int64_t i = 0; i < n; i += kStep) philox(first_block + static_cast<uint64_t>((begin + i) / 4), s.seed, number + i);
        for (int64_t i = 0; i < n; ++i) {
            const uint32_t keep = number[i] >= threshold;
            y[begin + i] = where_kept(keep, scale * x[begin + i]);
            kept[begin + i] = static_cast<uint8_t>(keep);
        }
    }
}

void dropout_backward(int64_t count, float scale, const float* __restrict dy, const uint8_t* __restrict kept,
                      float* __restrict dx) {
    for (int64_t i = 0; i < count; ++i) dx[i] = where_kept(kept[i] != 0, scale * dy[i]);
}

constexpr void fill_dropout(KernelTable& table) {
    table.dropout = dropout;
    table.dropout_backward = dropout_backward;
}

}  // namespace
}  // namespace pycnn
