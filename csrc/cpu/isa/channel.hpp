// One plane of a channel: affine maps of its elements, and sums over them in double precision.
//
// A sum of n floats in float may be off by n * 2^-24 of its magnitude, and a channel has n = N * H * W of them; a sum in double
// is practically exact.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace pycnn {
namespace {

constexpr int kDoubleLanes = kLanes / 2;
typedef double DoubleVec __attribute__((vector_size(kDoubleLanes * sizeof(double))));
typedef float UnalignedHalfVec __attribute__((vector_size(kDoubleLanes * sizeof(float)), aligned(4), may_alias));

// p[0] as a double, or p[0], p[1], ... as a vector of doubles. With intrinsics, because GCC 12 splits __builtin_convertvector.
template <class T>
inline T widen(const float* p) {
    if constexpr (sizeof(T) == sizeof(double)) {
        return static_cast<double>(*p);
    } else {
#if defined(__AVX512F__)
        return _mm512_maskz_cvtps_pd(0xff, _mm256_loadu_ps(p));  // the plain form makes GCC 12 warn about its own header
#elif defined(__AVX__)
        return _mm256_cvtps_pd(_mm_loadu_ps(p));
#elif defined(__SSE2__)
        return _mm_cvtps_pd(_mm_castsi128_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
#elif defined(__aarch64__)
        return reinterpret_cast<DoubleVec>(vcvt_f64_f32(vld1_f32(p)));
#else
        return __builtin_convertvector(*reinterpret_cast<const UnalignedHalfVec*>(p), DoubleVec);
#endif
    }
}

// The terms that one step of a loop adds to the two sums.
template <class T>
struct Terms {
    T first, second;
};

// sums[0], sums[1] = sum of terms<T>(i) for i < count; T is double, or a vector for kDoubleLanes of them.
template <class F>
inline void sum_terms(int64_t count, double* sums, F terms) {
    constexpr int kChains = 4;  // hide the latency of the addition
    DoubleVec first[kChains] = {}, second[kChains] = {};
    int64_t i = 0;
    for (; i + kChains * kDoubleLanes <= count; i += kChains * kDoubleLanes)
        for (int v = 0; v < kChains; ++v) {
            const auto t = terms.template operator()<DoubleVec>(i + v * kDoubleLanes);
            first[v] += t.first;
            second[v] += t.second;
        }
    const DoubleVec both[2] = {(first[0] + first[1]) + (first[2] + first[3]),
                               (second[0] + second[1]) + (second[2] + second[3])};
    sums[0] = sums[1] = 0;
    for (int lane = 0; lane < kDoubleLanes; ++lane) {
        sums[0] += both[0][lane];
        sums[1] += both[1][lane];
    }
    for (; i < count; ++i) {
        const auto t = terms.template operator()<double>(i);
        sums[0] += t.first;
        sums[1] += t.second;
    }
}

void deviation_sums(int64_t count, const float* x, double centre, double* sums) {
    sum_terms(count, sums, [=]<class T>(int64_t i) {
        const T deviation = widen<T>(x + i) - centre;
        return Terms<T>{deviation, deviation * deviation};
    });
}

void product_sums(int64_t count, const float* a, const float* b, double centre, double* sums) {
    sum_terms(count, sums, [=]<class T>(int64_t i) {
        const T factor = widen<T>(a + i);
        return Terms<T>{factor, factor * (widen<T>(b + i) - centre)};
    });
}

void affine(int64_t count, const float* __restrict x, float centre, float scale, float shift, float* __restrict y) {
    for (int64_t i = 0; i < count; ++i) y[i] = (x[i] - centre) * scale + shift;
}

void batch_norm_gradient(int64_t count, const float* __restrict dy, const float* __restrict x, const BatchNormScalars& s,
                         float* __restrict dx) {
    for (int64_t i = 0; i < count; ++i) dx[i] = dy[i] * s.scale - (x[i] - s.mean) * s.slope - s.offset;
}

constexpr void fill_channel(KernelTable& table) {
    table.deviation_sums = deviation_sums;
    table.product_sums = product_sums;
    table.affine = affine;
    table.batch_norm_gradient = batch_norm_gradient;
}

}  // namespace
}  // namespace pycnn
