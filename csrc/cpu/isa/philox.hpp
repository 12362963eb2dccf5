// Philox4x32-10, a stateless generator of random numbers: block i of four numbers is a function of a key and of i.
// J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include "cpu/isa/simd.hpp"

namespace pycnn {
namespace {

// Each of the four 32-bit words of a block has its own vector of 64-bit lanes, one lane per block, because vectors multiply
// 32 x 32 -> 64 bits there. Only the lower halves count; the upper ones hold remains of products. Two vectors of blocks are processed
// together, because a product has to wait for that of the previous round.
constexpr int kPhiloxVectors = 2, kLongLanes = kLanes / 2, kPhiloxBlocks = kPhiloxVectors * kLongLanes;
typedef uint64_t LongVec __attribute__((vector_size(kLanes * sizeof(float))));

// Products of the lower halves. Written with intrinsics, because a product of whole lanes would be several instructions.
inline LongVec multiply_lower(LongVec a, LongVec b) {
#if defined(__AVX512F__)
    return reinterpret_cast<LongVec>(_mm512_maskz_mul_epu32(0xff, reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__AVX2__)
    return reinterpret_cast<LongVec>(_mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#elif defined(__SSE2__)
    return reinterpret_cast<LongVec>(_mm_mul_epu32(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#elif defined(__aarch64__)
    return reinterpret_cast<LongVec>(
        vmull_u32(vmovn_u64(reinterpret_cast<uint64x2_t>(a)), vmovn_u64(reinterpret_cast<uint64x2_t>(b))));
#else
    return (a & 0xffffffff) * (b & 0xffffffff);
#endif
}

inline LongVec broadcast_long(uint64_t a) {
#if defined(__AVX512F__)
    return LongVec{a, a, a, a, a, a, a, a};
#elif defined(__AVX__)
    return LongVec{a, a, a, a};
#else
    return LongVec{a, a};
#endif
}

// words[4 j + w] = word w of block first + j, for kPhiloxBlocks blocks.
inline void philox(uint64_t first, uint64_t key, uint32_t* words) {
    constexpr int kRounds = 10;
    const LongVec multiplier0 = broadcast_long(0xD2511F53), multiplier1 = broadcast_long(0xCD9E8D57);
    LongVec c0[kPhiloxVectors], c1[kPhiloxVectors], c2[kPhiloxVectors] = {}, c3[kPhiloxVectors] = {};
    for (int v = 0; v < kPhiloxVectors; ++v) {
        for (int j = 0; j < kLongLanes; ++j) c0[v][j] = v * kLongLanes + j;
        c0[v] += broadcast_long(first);
        c1[v] = c0[v] >> 32;
    }
    uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
    for (int round = 0; round < kRounds; ++round) {
        for (int v = 0; v < kPhiloxVectors; ++v) {
            const LongVec product0 = multiply_lower(c0[v], multiplier0), product1 = multiply_lower(c2[v], multiplier1);
            c0[v] = (product1 >> 32) ^ c1[v] ^ broadcast_long(k0);
            c1[v] = product1;
            c2[v] = (product0 >> 32) ^ c3[v] ^ broadcast_long(k1);
            c3[v] = product0;
        }
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    // Words 0 and 2 of a block side by side, and 1 and 3: interleaving these gives the order of the elements.
    const LongVec lower = broadcast_long(0xffffffff);
    for (int v = 0; v < kPhiloxVectors; ++v) {
        const Vec even = reinterpret_cast<Vec>((c0[v] & lower) | (c2[v] << 32));
        const Vec odd = reinterpret_cast<Vec>((c1[v] & lower) | (c3[v] << 32));
        const Vec halves[2] = {interleave_low(even, odd), interleave_high(even, odd)};
        memcpy(words + 2 * v * kLanes, halves, sizeof halves);
    }
}

}  // namespace
}  // namespace pycnn
