// exp, log, tanh, the logistic function and the normal distribution in SIMD lanes.
//
// Each reduces its argument to a short interval and evaluates a polynomial there: the minimax polynomial of the given degree,
// found by Remez's exchange algorithm in 40 digits, weighted so that the relative error of the result is level; then its
// coefficients were rounded to float. Errors are in units of u = 2^-24 relative to the exact result (a unit in the last place
// is one to two of these); "measured" is the largest error over a third of all floats, with and without fused multiply-adds. NaN
// yields NaN.
// Denormal arguments and results count as zero, as everywhere inside parallel_for.
//
// Structure after: W. J. Cody, W. Waite, "Software Manual for the Elementary Functions", 1980, chapters 5, 6 and 13.
#pragma once

#include "cpu/isa/simd.hpp"

namespace pycnn {
namespace {

typedef uint32_t BitVec __attribute__((vector_size(kLanes * sizeof(float))));

inline BitVec bits(Vec v) { return reinterpret_cast<BitVec>(v); }
inline Vec from_bits(BitVec v) { return reinterpret_cast<Vec>(v); }

constexpr uint32_t kSignBit = 0x80000000u;
constexpr float kSmallestNormal = 0x1p-126f;

inline Vec magnitude(Vec x) { return from_bits(bits(x) & ~kSignBit); }
inline Vec with_sign_of(Vec magnitude, Vec sign) { return from_bits(bits(magnitude) | (bits(sign) & kSignBit)); }

// first + x * (second + x * (...))
inline Vec polynomial(Vec, float constant) { return broadcast(constant); }
template <class... Rest>
inline Vec polynomial(Vec x, float first, Rest... rest) {
    return first + x * polynomial(x, rest...);
}

// ln 2 in two parts; the first has 15 bits, so that its product with a whole number up to 2^9 is exact.
constexpr float kLn2High = 0x1.62e4p-1f, kLn2Low = 0x1.7f7d1cp-20f;

// (exp(r) - 1 - r) / r^2 for |r| <= ln(2) / 2.
inline Vec exp_quotient(Vec r) {
    return polynomial(r, 0x1.fffffcp-2f, 0x1.555492p-3f, 0x1.5558f2p-5f, 0x1.123a0ap-7f, 0x1.6a23f6p-10f);
}

// exp(x + rest) for |rest| <= 0.1. Measured at rest = 0: 1.5 u.
//
// x + rest = n ln 2 + r with |r| <= ln(2) / 2 + |rest|; exp(r) = 1 + r + r^2 q(r), q of degree 4 (0.06 u for rest = 0), and
// n is added to the exponent. Adding 1.5 * 2^23 rounds to a whole number, which remains in the last bits of the sum.
inline Vec exp_of_sum(Vec x, Vec rest) {
    const Vec shifted = x * 0x1.715476p0f + 0x1.8p23f;
    const Vec n = shifted - 0x1.8p23f;
    const Vec r = (x - n * kLn2High) - n * kLn2Low + rest;
    Vec y = from_bits(bits(1.0f + (r + r * r * exp_quotient(r))) + (bits(shifted) << 23));
    y = x < -0x1.5d589ep+6f ? Vec{} : y;                       // exp(x) < 2^-126
    y = x > 0x1.62e42ep+6f ? broadcast(__builtin_inff()) : y;  // exp(x) >= 2^128
    return x != x ? x : y;
}

inline Vec exp(Vec x) { return exp_of_sum(x, Vec{}); }

// log(x); -inf for 0, NaN below. Measured: 1.4 u.
//
// x = 2^n (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2). With s = f / (2 + f), log(1 + f) = 2 atanh(s) = 2 s + s R(s^2), where
// 2 s = f - s f; as f - (f^2 / 2 - s (f^2 / 2 + R)) the large term is exact. R / s^2 has degree 2 (0.02 u).
inline Vec log(Vec x) {
    const BitVec distance = bits(x) - 0x3f3504f3u;  // from sqrt(1/2)
    const IntVec n = reinterpret_cast<IntVec>(distance) >> 23;
    const Vec f = from_bits(bits(x) - (reinterpret_cast<BitVec>(n) << 23)) - 1.0f;
    const Vec s = f / (2.0f + f);
    const Vec z = s * s;
    const Vec R = z * polynomial(z, 0x1.55557ap-1f, 0x1.995eb8p-2f, 0x1.31e328p-2f);
    const Vec half_square = 0.5f * f * f;
    const Vec power = __builtin_convertvector(n, Vec);
    Vec y = power * kLn2High + (f - (half_square - (s * (half_square + R) + power * kLn2Low)));
    y = x < kSmallestNormal ? broadcast(-__builtin_inff()) : y;
    y = x <= -kSmallestNormal ? broadcast(__builtin_nanf("")) : y;
    return x < __builtin_inff() ? y : (x <= -kSmallestNormal ? y : x);  // infinity and NaN stay themselves
}

// exp(x) - 1 for x <= 0, with all digits near 0. Measured: 1.6 u.
//
// As exp: with exp(r) - 1 = p it is 2^n p + (2^n - 1), where nothing cancels, since p > -0.3. Below -30 it is -1.
inline Vec expm1_below_zero(Vec x) {
    const Vec held = x < -30.0f ? broadcast(-30.0f) : x;
    const Vec shifted = held * 0x1.715476p0f + 0x1.8p23f;
    const Vec n = shifted - 0x1.8p23f;
    const Vec r = (held - n * kLn2High) - n * kLn2Low;
    const Vec p = r + r * r * exp_quotient(r);
    const Vec power = from_bits((bits(shifted) << 23) + 0x3f800000u);
    const Vec y = power * p + (power - 1.0f);
    return x != x ? x : y;
}

// log(1 + x) for 0 <= x <= 1, with all digits near 0. Measured: 3.0 u.
//
// The rounding of 1 + x to s counts as much in log(s) as in s - 1: W. Kahan's quotient log(s) / (s - 1) is hardly off.
inline Vec log1p_to_one(Vec x) {
    const Vec s = 1.0f + x, rest = s - 1.0f;
    return rest > 0.0f ? log(s) * (x / rest) : x;
}

// tanh(x). Measured: 2.4 u.
//
// Below 0.625: x + x^3 P(x^2), P of degree 4 (0.08 u). Above: 1 - 2 / (exp(2 |x|) + 1), where the quotient is at most 0.45.
inline Vec tanh(Vec x) {
    const Vec z = x * x;
    const Vec P = polynomial(z, -0x1.55552ep-2f, 0x1.110776p-3f, -0x1.b84468p-5f, 0x1.525758p-6f, -0x1.76acd4p-8f);
    const Vec t = magnitude(x);
    const Vec large = 1.0f - 2.0f / (exp(t + t) + 1.0f);
    return with_sign_of(t < 0.625f ? t + t * z * P : large, x);
}

// 1 / (1 + exp(-x)). Measured: 2.5 u.
inline Vec logistic(Vec x) { return 1.0f / (1.0f + exp(-x)); }

// For 0 <= t <= 2^60: exp(-t^2 / 2) and the probability that a standard normal variable exceeds t, which is erfc(t / sqrt(2)) / 2.
struct NormalTail {
    Vec exponential, probability;
};

// Measured: exponential 2.3 u, probability 5.3 u.
//
// The probability is exp(-t^2 / 2) M(t). The square is split so that its rounding error is not magnified by t^2 / 2: h is t
// without its last 12 bits, h^2 is exact, and t^2 - h^2 = (t - h) (t + h). M (Mills' ratio over sqrt(2 pi)) falls smoothly
// from 1/2, like 1 / t in the end: M(t) (t + 2) is a polynomial of degree 10 in (t - 2) / (t + 2), after M. M. Shepherd,
// J. G. Laframboise, "Chebyshev approximation of (1 + 2x) exp(x^2) erfc x in 0 <= x < inf", Math. Comp. 36, 1981.
// Fitted up to t = 13.3 (0.6 u), where the exponential is below 2^-126.
inline NormalTail normal_tail(Vec t) {
    const Vec h = from_bits(bits(t) & 0xfffff000u);
    const Vec exponential = exp_of_sum(-0.5f * h * h, -0.5f * (t - h) * (t + h));
    const Vec d = 1.0f / (t + 2.0f);
    const Vec z = (t - 2.0f) * d;
    const Vec M =
        d * polynomial(z, 0x1.5845dcp-1f, -0x1.535bb6p-2f, 0x1.d7d52cp-6f, 0x1.2cd114p-5f, -0x1.fa6c0cp-12f, -0x1.ba1d8p-8f,
                       -0x1.ef620ep-10f, 0x1.c87852p-11f, 0x1.785f58p-11f, 0x1.619faap-15f, -0x1.1fe274p-14f);
    return {exponential, exponential * M};
}

}  // namespace
}  // namespace pycnn
