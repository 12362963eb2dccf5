// The vector type of the instruction set this file is compiled for.
//
// Rules for everything under isa/: it is compiled once per instruction set, so it has internal linkage only (anonymous
// namespaces), and uses no std containers, OpenMP, exceptions or allocation. Otherwise the linker might keep, say, the AVX-512
// copy of a shared inline function for all.
#pragma once

#include <stdint.h>
#include <string.h>

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

// The first `count` < kLanes floats, then zeros.
inline Vec load_first(const float* p, int64_t count) {
    Vec v = {};
    for (int i = 0; i < kLanes; ++i) v[i] = i < count ? p[i] : 0.0f;
    return v;
}

// Pairwise: log2(kLanes) steps.
inline float horizontal_sum(Vec v) {
    float lane[kLanes];
    memcpy(lane, &v, sizeof lane);
    for (int width = kLanes / 2; width > 0; width /= 2)
        for (int i = 0; i < width; ++i) lane[i] += lane[i + width];
    return lane[0];
}

}  // namespace
}  // namespace pycnn
