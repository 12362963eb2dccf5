// Sums of any number of floats. One float that adds up n terms may be off by n * 2^-24 of their magnitude, and stops at 2^24 ones;
// so a float adds up a block of terms, and what the blocks come to is added in double. A sum of one block has the bits of a plain
// loop, and of any length it costs as little.
#pragma once

#include "core/sum_block.hpp"

#ifdef __CUDACC__
#define PYCNN_HOST_DEVICE __host__ __device__
#else
#define PYCNN_HOST_DEVICE
#endif

namespace pycnn {

struct LongSum {
    static constexpr uint32_t kBlock = kSumBlock;

    double total = 0;  // of the blocks before
    float block = 0;
    uint32_t terms = 0;  // of the block, and kBlock more where there are blocks before

    PYCNN_HOST_DEVICE void add(float term) {
        block += term;
        if (++terms % kBlock != 0) return;
        total += block;
        block = 0;
        terms = kBlock;
    }

    // Short sums do without double, which many GPUs are slow at.
    PYCNN_HOST_DEVICE float value() const { return terms < kBlock ? block : static_cast<float>(total + block); }
};

}  // namespace pycnn
