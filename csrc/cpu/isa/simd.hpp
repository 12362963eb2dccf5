// The vector type of the instruction set this file is compiled for.
//
// Rules for everything under isa/: it is compiled once per instruction set, so it has only internal linkage (anonymous
// namespaces), and uses no std containers, OpenMP, exceptions or allocation. Otherwise the linker might keep, say, the AVX-512
// copy of a shared inline function for all instruction sets.
#pragma once

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace pycnn {
namespace {

// MR: accumulators are MR x 2 vectors; with two vectors of B and one broadcast they fill the register file
// (32 registers: 14 * 2 + 2 + 1; 16 registers: 6 * 2 + 2 + 1).
// A dot tile of m x n needs m * n accumulators and m + 1 operands (5 * 5 + 5 + 1 = 31; 3 * 4 + 3 + 1 = 16).
#if defined(__AVX512F__)
constexpr int kLanes = 16, kMR = 14, kDotRows = 5, kDotColumns = 5;
#elif defined(__AVX__)
constexpr int kLanes = 8, kMR = 6, kDotRows = 3, kDotColumns = 4;
#elif defined(__aarch64__)
constexpr int kLanes = 4, kMR = 14, kDotRows = 5, kDotColumns = 5;
#else
constexpr int kLanes = 4, kMR = 6, kDotRows = 3, kDotColumns = 4;
#endif

// Rows of row_products_kernel: with four terms each they need 4 factors and a sum, beside 4 vectors (4 * 5 + 4 = 24; 2 * 5 + 4 = 14).
constexpr int kProductRows = kMR > 6 ? 4 : 2;

typedef float Vec __attribute__((vector_size(kLanes * sizeof(float))));
typedef float UnalignedVec __attribute__((vector_size(kLanes * sizeof(float)), aligned(4), may_alias));
typedef int32_t IntVec __attribute__((vector_size(kLanes * sizeof(float))));

inline Vec load(const float* p) { return *reinterpret_cast<const UnalignedVec*>(p); }
inline void store(float* p, Vec v) { *reinterpret_cast<UnalignedVec*>(p) = v; }

// Asks for a cache line, into L2.
inline void fetch_to_read(const float* p) { __builtin_prefetch(p, 0, 2); }
inline void fetch_to_write(const float* p) { __builtin_prefetch(p, 1, 2); }

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

// Load the first `count` <= kLanes floats, followed by zeros; and store them. The memory of other lanes is not touched.
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
// In registers: floats stored one by one and then loaded as a vector, or the reverse, cost a stall of a dozen cycles.
#if defined(__AVX2__)
inline Vec load_first(const float* p, int64_t count) {
    const IntVec inside = lane_numbers() < static_cast<int32_t>(count);
    return _mm256_maskload_ps(p, reinterpret_cast<__m256i>(inside));
}
inline void store_first(float* p, Vec v, int64_t count) {
    if (count == kLanes) return store(p, v);
    __m128 rest = _mm256_castps256_ps128(v);
    if (count & 4) {
        _mm_storeu_ps(p, rest);
        rest = _mm256_extractf128_ps(v, 1), p += 4;
    }
    if (count & 2) {
        _mm_storel_pi(reinterpret_cast<__m64*>(p), rest);
        rest = _mm_movehl_ps(rest, rest), p += 2;
    }
    if (count & 1) _mm_store_ss(p, rest);
}
#else
inline Vec load_first(const float* p, int64_t count) {
    if (count == kLanes) return load(p);
    return Vec{count > 0 ? p[0] : 0.0f, count > 1 ? p[1] : 0.0f, count > 2 ? p[2] : 0.0f, 0.0f};
}
inline void store_first(float* p, Vec v, int64_t count) {
    if (count == kLanes) return store(p, v);
    if (count > 0) p[0] = v[0];
    if (count > 1) p[1] = v[1];
    if (count > 2) p[2] = v[2];
}
#endif
inline void store_first(int32_t* p, IntVec v, int64_t count) { memcpy(p, &v, count * sizeof(int32_t)); }
#endif

// The whole vector if `count` allows, else its first `count` elements (none if `count` is below 1).
inline Vec load_at_most(const float* p, int64_t count) {
    return count >= kLanes ? load(p) : load_first(p, count > 0 ? count : 0);
}
inline void store_at_most(float* p, Vec v, int64_t count) {
    if (count >= kLanes) {
        store(p, v);
    } else {
        store_first(p, v, count > 0 ? count : 0);
    }
}

// p[i] in lanes first <= i < last, `fill` in the others, whose memory is not touched.
inline Vec load_inside(const float* p, int64_t first, int64_t last, float fill) {
#if defined(__AVX512F__)
    const auto up_to = [](int64_t count) { return (1u << (count < 0 ? 0 : count < kLanes ? count : kLanes)) - 1; };
    return _mm512_mask_loadu_ps(broadcast(fill), static_cast<__mmask16>(up_to(last) & ~up_to(first)), p);
#elif defined(__AVX2__)
    const auto lane = reinterpret_cast<IntVec>(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    const auto clamp = [](int64_t i) { return static_cast<int32_t>(i < 0 ? 0 : i < kLanes ? i : kLanes); };
    const IntVec inside = (lane >= clamp(first)) & (lane < clamp(last));
    const Vec loaded = _mm256_maskload_ps(p, reinterpret_cast<__m256i>(inside));
    return inside ? loaded : broadcast(fill);
#else
    float lane[kLanes];
    for (int64_t i = 0; i < kLanes; ++i) lane[i] = i >= first && i < last ? p[i] : fill;
    return load(lane);
#endif
}

// Adds halves until one lane is left, in log2(kLanes) steps.
template <int Lanes>
struct Lower {
    typedef float type __attribute__((vector_size(Lanes * sizeof(float))));
};
template <int Lanes, class V>
inline float sum_lanes(V v) {
    if constexpr (Lanes == 2) {
        return v[0] + v[1];
    } else {
        typename Lower<Lanes / 2>::type halves[2];
        memcpy(halves, &v, sizeof v);
        return sum_lanes<Lanes / 2>(halves[0] + halves[1]);
    }
}
inline float horizontal_sum(Vec v) { return sum_lanes<kLanes>(v); }

inline float horizontal_max(Vec v) {
    float largest = v[0];
    for (int i = 1; i < kLanes; ++i) largest = v[i] > largest ? v[i] : largest;
    return largest;
}

inline Vec square_root(Vec v) {
#if defined(__AVX512F__)
    return _mm512_maskz_sqrt_ps(0xffff, v);  // the plain form makes GCC 12 warn
#elif defined(__AVX__)
    return _mm256_sqrt_ps(v);
#elif defined(__SSE2__)
    return _mm_sqrt_ps(v);
#elif defined(__aarch64__)
    return vsqrtq_f32(v);
#else
    for (int i = 0; i < kLanes; ++i) v[i] = __builtin_sqrtf(v[i]);
    return v;
#endif
}

// a[0], a[2], ..., b[0], b[2], ..., and a[1], a[3], ..., b[1], b[3], ...
#if defined(__clang__)
#if defined(__AVX512F__)
inline Vec even_lanes(Vec a, Vec b) {
    return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
}
inline Vec odd_lanes(Vec a, Vec b) {
    return __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}
#elif defined(__AVX__)
inline Vec even_lanes(Vec a, Vec b) { return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14); }
inline Vec odd_lanes(Vec a, Vec b) { return __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15); }
#else
inline Vec even_lanes(Vec a, Vec b) { return __builtin_shufflevector(a, b, 0, 2, 4, 6); }
inline Vec odd_lanes(Vec a, Vec b) { return __builtin_shufflevector(a, b, 1, 3, 5, 7); }
#endif
#else
inline Vec even_lanes(Vec a, Vec b) { return __builtin_shuffle(a, b, 2 * lane_numbers()); }
inline Vec odd_lanes(Vec a, Vec b) { return __builtin_shuffle(a, b, 2 * lane_numbers() + 1); }
#endif

// a[0], b[0], a[1], b[1], ... from the first halves of a and b, and from the second ones.
#if defined(__clang__)
#if defined(__AVX512F__)
inline Vec interleave_low(Vec a, Vec b) {
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
inline Vec interleave_high(Vec a, Vec b) {
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
#elif defined(__AVX__)
inline Vec interleave_low(Vec a, Vec b) { return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
inline Vec interleave_high(Vec a, Vec b) { return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15); }
#else
inline Vec interleave_low(Vec a, Vec b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
inline Vec interleave_high(Vec a, Vec b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); }
#endif
#else
inline Vec interleave_low(Vec a, Vec b) {
    return __builtin_shuffle(a, b, (lane_numbers() >> 1) + (lane_numbers() & 1) * kLanes);
}
inline Vec interleave_high(Vec a, Vec b) {
    return __builtin_shuffle(a, b, (lane_numbers() >> 1) + (lane_numbers() & 1) * kLanes + kLanes / 2);
}
#endif

}  // namespace
}  // namespace pycnn
