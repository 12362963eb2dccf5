// The tail of the normal distribution: what GELU needs, to 6 units of 2^-24. CUDA's erfcf may be off by 8.
#pragma once

#include "cuda/launch.hpp"

namespace pycnn::cuda {

// first + x * (second + x * (...))
inline __device__ float polynomial(float, float constant) { return constant; }
template <class... Rest>
__device__ float polynomial(float x, float first, Rest... rest) {
    return fmaf(x, polynomial(x, rest...), first);
}

// For 0 <= t <= 2^60: exp(-t^2 / 2) and the probability that a standard normal variable exceeds t.
struct NormalTail {
    float exponential, probability;
};

// The probability is exp(-t^2 / 2) M(t), with the polynomial of csrc/cpu/isa/transcendental.hpp for M(t) (t + 2). The factor
// t^2 / 2 would magnify the rounding error of the square. A fused multiply-add gives that error exactly, and exp(-rest / 2) is
// 1 - rest / 2.
inline __device__ NormalTail normal_tail(float t) {
    const float square = t * t, rest = fmaf(t, t, -square);
    const float rounded = expf(-0.5f * square);
    const float exponential = fmaf(rounded, -0.5f * rest, rounded);
    const float d = 1.0f / (t + 2.0f);
    const float z = (t - 2.0f) * d;
    const float M =
        d * polynomial(z, 0x1.5845dcp-1f, -0x1.535bb6p-2f, 0x1.d7d52cp-6f, 0x1.2cd114p-5f, -0x1.fa6c0cp-12f, -0x1.ba1d8p-8f,
                       -0x1.ef620ep-10f, 0x1.c87852p-11f, 0x1.785f58p-11f, 0x1.619faap-15f, -0x1.1fe274p-14f);
    return {exponential, exponential * M};
}

}  // namespace pycnn::cuda
