// The micro-kernel of convolutions of images whose channels lie side by side (NHWC): an outer product per step, as unpacked_gemm_kernel,
// with the bias, a residual and a clamp in the same pass. Pixels are broadcast one by one, filters are vectors of a packed panel.
//
// A tile of 6 x 2 vectors (16 registers) does 12 multiply-adds on 2 loads and 6 broadcasts: 4 cycles of loads, 6 of multiply-adds.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

// NaN compares false and passes.
inline Vec clamped(Vec v, Vec lower, Vec upper) {
    v = v < lower ? lower : v;
    return v > upper ? upper : v;
}

template <int Rows, int Vectors>
void pixel_tile_kernel(int64_t depth, const float* __restrict a, const int64_t* __restrict a_offsets, int64_t a_stride,
                       const float* __restrict b, const float* ahead, int64_t ahead_step, const float* bias,
                       const PixelEnd* end, float* c, int64_t ldc) {
    Vec sum[Rows][Vectors];
#pragma GCC unroll 24
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) sum[i][v] = load((bias ? bias : c + i * ldc) + v * kLanes);
    for (int64_t k = 0; k < depth; ++k, b += kNRVectors * kLanes, ahead += ahead_step) {
        fetch_to_read(ahead);
        // One pointer for five rows, as in unpacked_gemm_kernel.
        const float* base[(Rows + 4) / 5];
        base[0] = a + a_offsets[k];
        for (int j = 1; j < (Rows + 4) / 5; ++j) base[j] = base[j - 1] + 5 * a_stride;
        Vec filters[Vectors];
        for (int v = 0; v < Vectors; ++v) filters[v] = load(b + v * kLanes);
#pragma GCC unroll 24
        for (int i = 0; i < Rows; ++i) {
            const Vec pixel = broadcast(base[i / 5][i % 5 * a_stride]);
            for (int v = 0; v < Vectors; ++v) sum[i][v] += pixel * filters[v];
        }
    }
    if (end != nullptr) {
        const Vec lower = broadcast(end->lower), upper = broadcast(end->upper);
#pragma GCC unroll 24
        for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 2
            for (int v = 0; v < Vectors; ++v) {
                if (end->residual) sum[i][v] += load(end->residual + i * end->residual_pitch + v * kLanes);
                sum[i][v] = clamped(sum[i][v], lower, upper);
            }
    }
#pragma GCC unroll 24
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) store(c + i * ldc + v * kLanes, sum[i][v]);
}

// With one vector of filters, twice as many pixels: a multiply-add takes four cycles, so eight chains or more keep two units busy.
constexpr int kNarrowPixels = 2 * kMR < kMaxTilePixels ? 2 * kMR : kMaxTilePixels;

template <int Rows>
constexpr void fill_pixel_tile_rows(KernelTable& table) {
    table.pixel_tile[Rows - 1][0] = pixel_tile_kernel<Rows, 1>;
    if constexpr (Rows <= kMR) table.pixel_tile[Rows - 1][1] = pixel_tile_kernel<Rows, 2>;
    if constexpr (Rows > 1) fill_pixel_tile_rows<Rows - 1>(table);
}

constexpr void fill_pixel_tile(KernelTable& table) {
    table.tile_pixels[0] = kNarrowPixels;
    table.tile_pixels[1] = kMR;
    fill_pixel_tile_rows<kNarrowPixels>(table);
}

}  // namespace
}  // namespace pycnn
