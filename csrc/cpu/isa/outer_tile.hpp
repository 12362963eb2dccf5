// The third micro-kernel: an outer product per step like gemm_tile, with both operands where they lie. Lanes run along the
// columns of C, which are channels: images are kept with the channels of a pixel side by side (see transpose.hpp).
//
// Forward, row i is a pixel and A's elements are a_stride floats apart; for weight gradients rows are channels (a_stride 1)
// and the depth runs over pixels.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

template <int Rows, int Vectors>
void outer_tile(int64_t depth, const float* __restrict a, const int64_t* __restrict a_offsets, int64_t a_stride,
                const float* __restrict b, const int64_t* __restrict b_offsets, float* c, int64_t ldc, bool accumulate) {
    Vec sum[Rows][Vectors] = {};
    for (int64_t k = 0; k < depth; ++k) {
        // x86 adds 0, 1, 2 or 4 strides to an address for nothing, and 3 with one more register: a pointer for every five rows
        // instead of one a row, which would not leave the registers to hold them.
        const float* base[(Rows + 4) / 5];
        base[0] = a + a_offsets[k];
        for (int j = 1; j < (Rows + 4) / 5; ++j) base[j] = base[j - 1] + 5 * a_stride;
        Vec columns[Vectors];
        for (int v = 0; v < Vectors; ++v) columns[v] = load(b + b_offsets[k] + v * kLanes);
#pragma GCC unroll 14
        for (int i = 0; i < Rows; ++i) {
            const Vec row = broadcast(base[i / 5][i % 5 * a_stride]);
            for (int v = 0; v < Vectors; ++v) sum[i][v] += row * columns[v];
        }
    }
#pragma GCC unroll 14
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) {
            float* target = c + i * ldc + v * kLanes;
            store(target, accumulate ? load(target) + sum[i][v] : sum[i][v]);
        }
}

template <int Rows>
constexpr void fill_outer_row(KernelTable& table) {
    table.outer[Rows - 1][0] = outer_tile<Rows, 1>;
    table.outer[Rows - 1][1] = outer_tile<Rows, 2>;
    if constexpr (Rows > 1) fill_outer_row<Rows - 1>(table);
}

}  // namespace
}  // namespace pycnn
