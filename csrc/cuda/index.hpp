// Places of elements by their numbers, and division by a number that is known at launch.
#pragma once

#include <cstdint>

#include "cuda/runtime.hpp"

namespace pycnn::cuda {

// n / divisor and n % divisor for 0 <= n < 2^31, by a multiplication and a shift instead of some twenty instructions (Granlund,
// Montgomery, "Division by invariant integers using multiplication", 1994, figure 4.1: with l = ceil(log2 divisor) and
// m = floor(2^32 (2^l - divisor) / divisor) + 1, n / divisor = (umulhi(m, n) + n) >> l).
struct Divider {
    unsigned divisor, multiplier, shift;

    explicit Divider(int64_t d = 1) : divisor(static_cast<unsigned>(d)), multiplier(0), shift(0) {
        while ((uint64_t{1} << shift) < divisor) ++shift;
        multiplier = static_cast<unsigned>((uint64_t{1} << 32) * ((uint64_t{1} << shift) - divisor) / divisor + 1);
    }
    __host__ __device__ int quotient(int n) const {
#if defined(__CUDA_ARCH__) || defined(PYCNN_CUDA_EMULATED)
        return static_cast<int>((__umulhi(multiplier, static_cast<unsigned>(n)) + static_cast<unsigned>(n)) >> shift);
#else
        return n / static_cast<int>(divisor);
#endif
    }
    // Returns the remainder; n becomes the quotient.
    __host__ __device__ int split(int& n) const {
        const int q = quotient(n), rest = n - q * static_cast<int>(divisor);
        n = q;
        return rest;
    }
};

// Element i of an array of planes of rows x columns. Where all numbers fit 32 bits, 64-bit divisions take the time of 32-bit
// ones.
struct PlanePoint {
    int64_t plane;
    int row, column;

    __device__ PlanePoint(int64_t i, int64_t rows, int64_t columns) {
        const int64_t line = i / columns;
        plane = line / rows;
        row = static_cast<int>(line - plane * rows);
        column = static_cast<int>(i - line * columns);
    }
};

}  // namespace pycnn::cuda
