// Sums in float that are as good as sums in double: the rounding errors of the additions are summed as well. Double precision
// is up to 64 times as slow as float on a GPU.
#pragma once

#include "cuda/launch.hpp"

namespace pycnn::cuda {

// The rounding error of sum = a + b, for any a and b: D. E. Knuth, "The Art of Computer Programming", volume 2, section
// 4.2.2, theorem B. The compiler must not fuse the sum into a multiply-add, hence __fadd_rn.
inline __device__ float lost(float a, float b, float sum) {
    const float part = sum - a;
    return (a - (sum - part)) + (b - part);
}

// A number in two floats: it is sum + rest, off by about 2^-48 of the sum of absolute values.
struct CompensatedSum {
    float sum, rest;

    __device__ void add(float x, float x_rest) {
        const float total = __fadd_rn(sum, x);
        rest += lost(sum, x, total) + x_rest;
        sum = total;
    }
    __device__ void add(const CompensatedSum& other) { add(other.sum, other.rest); }
    // The product of a and b, whose first factor is a + a_rest.
    __device__ void add_product(float a, float a_rest, float b) {
        const float product = __fmul_rn(a, b);
        add(product, fmaf(a, b, -product) + a_rest * b);
    }
    // An infinity or NaN leaves no sensible rest.
    __device__ double value() const { return sum - sum == 0.0f ? static_cast<double>(sum) + static_cast<double>(rest) : sum; }
};

// a - b in two floats.
struct Difference {
    float value, rest;

    // Not an initialiser list: nvcc passes those to the host's compiler, which does not know __fadd_rn.
    __device__ Difference(float a, float b) {
        value = __fadd_rn(a, -b);
        rest = lost(a, -b, value);
    }
    // The rest stays within half a unit of the value's last place.
    __device__ void subtract(float small) {
        const float low = rest - small, high = value;
        value = __fadd_rn(high, low);
        rest = lost(high, low, value);
    }
};

}  // namespace pycnn::cuda
