// The vector type of the instruction set this file is compiled for.
//
// Rules for everything under isa/: it is compiled once per instruction set, so it has internal linkage only (anonymous
// namespaces), and uses no std containers, OpenMP, exceptions or allocation. Otherwise the linker might keep, say, the AVX-512
// copy of a shared inline function for all.
#pragma once

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace pycnn {
namespace {

// tile_rows: accumulators are tile_rows x 2 vectors; with two vectors of B and one broadcast they fill the register file
// (32 registers: 14 * 2 + 2 + 1; 16 registers: 6 * 2 + 2 + 1).
// A dot tile of m x n needs m * n accumulators and m + 1 operands (5 * 5 + 5 + 1 = 31; 3 * 4 + 3 + 1 = 16).
#if defined(__AVX512F__)
constexpr int kLanes = 16, kTileRows = 14, kDotRows = 5, kDotColumns = 5;
#elif defined(__AVX__)
constexpr int kLanes = 8, kTileRows = 6, kDotRows = 3, kDotColumns = 4;
#elif defined(__aarch64__)
constexpr int kLanes = 4, kTileRows = 14, kDotRows = 5, kDotColumns = 5;
#else
constexpr int kLanes = 4, kTileRows = 6, kDotRows = 3, kDotColumns = 4;
#endif

typedef float Vec __attribute__((vector_size(kLanes * sizeof(float))));
typedef float UnalignedVec __attribute__((vector_size(kLanes * sizeof(float)), aligned(4), may_alias));
typedef int32_t IntVec __attribute__((vector_size(kLanes * sizeof(float))));

inline Vec load(const float* p) { return *reinterpret_cast<const UnalignedVec*>(p); }
inline void store(float* p, Vec v) { *reinterpret_cast<UnalignedVec*>(p) = v; }

// Written out: `Vec{} + a` would emit an addition in every inner loop (measured: 54 % of peak instead of 99 %).
inline Vec broadcast(float a) {
#if defined(__AVX512F__)
    return Vec{a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a};
#elif defined(__AVX__)
    return Vec{a, a, a, a, a, a, a, a};
#else
    return Vec{a, a, a, a};
#endif
}

// 0, 1, 2, ...
inline IntVec lane_numbers() {
    IntVec v;
    for (int i = 0; i < kLanes; ++i) v[i] = i;
    return v;
}

// The first `count` <= kLanes floats, then zeros; and storing them. No other lane's memory is touched.
#if defined(__AVX512F__)
inline Vec load_first(const float* p, int64_t count) {
    return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p);
}
inline void store_first(float* p, Vec v, int64_t count) {
    _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), v);
}
inline void store_first(int32_t* p, IntVec v, int64_t count) {
    _mm512_mask_storeu_epi32(p, static_cast<__mmask16>((1u << count) - 1), reinterpret_cast<__m512i>(v));
}
#else
inline Vec load_first(const float* p, int64_t count) {
    float lane[kLanes] = {};
    for (int64_t i = 0; i < count; ++i) lane[i] = p[i];
    return load(lane);
}
inline void store_first(float* p, Vec v, int64_t count) {
    float lane[kLanes];
    store(lane, v);
    for (int64_t i = 0; i < count; ++i) p[i] = lane[i];
}
inline void store_first(int32_t* p, IntVec v, int64_t count) { memcpy(p, &v, count * sizeof(int32_t)); }
#endif

// Halves are added until one lane is left: log2(kLanes) steps.
typedef float Vec4 __attribute__((vector_size(16)));
inline float horizontal_sum(Vec4 v) {
    v += __builtin_shufflevector(v, v, 2, 3, 0, 1);
    return v[0] + v[1];
}
#if defined(__AVX__)
typedef float Vec8 __attribute__((vector_size(32)));
inline float horizontal_sum(Vec8 v) {
    return horizontal_sum(__builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7));
}
#endif
#if defined(__AVX512F__)
inline float horizontal_sum(Vec v) {
    return horizontal_sum(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
                          __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15));
}
#endif

}  // namespace
}  // namespace pycnn
