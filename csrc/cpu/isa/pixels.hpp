// Bytes as floats, by an affine map.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

// Four bytes at a time, with intrinsics, because GCC 12 splits __builtin_convertvector. The rest, and everything where there is no
// fused multiplication, is left to the caller's table: a lone product would round once more.
int64_t affine_bytes(int64_t count, const uint8_t* x, double scale, double shift, float* y) {
    int64_t i = 0;
#if defined(__AVX2__) && defined(__FMA__)
    const __m256d factor = _mm256_set1_pd(scale), term = _mm256_set1_pd(shift);
    for (; i + 4 <= count; i += 4) {
        int32_t four;
        memcpy(&four, x + i, 4);
        const __m256d bytes = _mm256_cvtepi32_pd(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(four)));
        _mm_storeu_ps(y + i, _mm256_cvtpd_ps(_mm256_fmadd_pd(bytes, factor, term)));
    }
#else
    (void)count, (void)x, (void)scale, (void)shift, (void)y;
#endif
    return i;
}

constexpr void fill_pixels(KernelTable& table) { table.affine_bytes = affine_bytes; }

}  // namespace
}  // namespace pycnn
