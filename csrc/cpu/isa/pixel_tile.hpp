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

// The vectors of a tile: whole ones or, for at most 8 filters of AVX-512, half ones. Zen 4 multiplies and adds two of these a cycle, and one
// whole one.
struct WholeVectors {
    using V = Vec;
    static V loaded(const float* p) { return load(p); }
    static void stored(float* p, V v) { store(p, v); }
    static V all(float a) { return broadcast(a); }
};

#if defined(__AVX512F__)
struct HalfVectors {
    typedef float V __attribute__((vector_size(kLanes / 2 * sizeof(float))));
    typedef float Unaligned __attribute__((vector_size(kLanes / 2 * sizeof(float)), aligned(4), may_alias));
    static V loaded(const float* p) { return *reinterpret_cast<const Unaligned*>(p); }
    static void stored(float* p, V v) { *reinterpret_cast<Unaligned*>(p) = v; }
    static V all(float a) { return V{a, a, a, a, a, a, a, a}; }
};
#endif

template <class Kind, int Rows, int Vectors>
void pixel_tile_kernel(int64_t depth, const float* __restrict a, const int64_t* __restrict a_offsets, int64_t a_stride,
                       const float* __restrict b, const float* ahead, int64_t ahead_step, const float* bias,
                       const PixelEnd* end, float* c, int64_t ldc) {
    using V = typename Kind::V;
    V sum[Rows][Vectors];
#pragma GCC unroll 24
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) sum[i][v] = Kind::loaded((bias ? bias : c + i * ldc) + v * kLanes);
    const auto add = [&](int64_t k) __attribute__((always_inline)) {
        // One pointer for five rows, as in unpacked_gemm_kernel.
        const float* base[(Rows + 4) / 5];
        base[0] = a + a_offsets[k];
        for (int j = 1; j < (Rows + 4) / 5; ++j) base[j] = base[j - 1] + 5 * a_stride;
        V filters[Vectors];
        for (int v = 0; v < Vectors; ++v) filters[v] = Kind::loaded(b + v * kLanes);
#pragma GCC unroll 24
        for (int i = 0; i < Rows; ++i) {
            const V pixel = Kind::all(base[i / 5][i % 5 * a_stride]);
            for (int v = 0; v < Vectors; ++v) sum[i][v] += pixel * filters[v];
        }
        b += kNRVectors * kLanes;
    };
    if (ahead_step == 0) {
        for (int64_t k = 0; k < depth; ++k) add(k);
    } else {
        for (int64_t k = 0; k < depth; ++k, ahead += ahead_step) {
            fetch_to_read(ahead);
            add(k);
        }
    }
    if (end != nullptr) {
        const V lower = Kind::all(end->lower), upper = Kind::all(end->upper);
#pragma GCC unroll 24
        for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 2
            for (int v = 0; v < Vectors; ++v) {
                if (end->residual) sum[i][v] += Kind::loaded(end->residual + i * end->residual_pitch + v * kLanes);
                sum[i][v] = sum[i][v] < lower ? lower : sum[i][v];  // NaN passes, as in clamped
                sum[i][v] = sum[i][v] > upper ? upper : sum[i][v];
            }
    }
#pragma GCC unroll 24
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) Kind::stored(c + i * ldc + v * kLanes, sum[i][v]);
}

// With one vector of filters, twice as many pixels: a multiply-add takes four cycles, so eight chains or more keep two units busy.
constexpr int kNarrowPixels = 2 * kMR < kMaxTilePixels ? 2 * kMR : kMaxTilePixels;

template <int Rows>
constexpr void fill_pixel_tile_rows(KernelTable& table) {
    table.pixel_tile[Rows - 1][0] = pixel_tile_kernel<WholeVectors, Rows, 1>;
    if constexpr (Rows <= kMR) table.pixel_tile[Rows - 1][1] = pixel_tile_kernel<WholeVectors, Rows, 2>;
#if defined(__AVX512F__)
    table.half_tile[Rows - 1] = pixel_tile_kernel<HalfVectors, Rows, 1>;
#endif
    if constexpr (Rows > 1) fill_pixel_tile_rows<Rows - 1>(table);
}

constexpr void fill_pixel_tile(KernelTable& table) {
    table.tile_pixels[0] = kNarrowPixels;
    table.tile_pixels[1] = kMR;
#if defined(__AVX512F__)
    table.half_lanes = kLanes / 2;
#endif
    fill_pixel_tile_rows<kNarrowPixels>(table);
}

}  // namespace
}  // namespace pycnn
