// Sums of any number of floats. A float that adds up n terms may be off by n * 2^-24 of their magnitude, and 2^24 ones are the most it
// can count; so a float adds up a block of terms, and the sums of the blocks are added in double. A sum of one block has the bits of a
// plain loop, and a sum of any length costs no more.
#pragma once

#include "core/host_device.hpp"
#include "core/sum_block.hpp"

namespace pycnn {

struct LongSum {
    static constexpr uint32_t kBlock = kSumBlock;

    double total = 0;  // of the previous blocks
    float block = 0;
    uint32_t terms = 0;  // of the block; plus kBlock if there are previous blocks

    PYCNN_HOST_DEVICE void add(float term) {
        block += term;
        if (++terms % kBlock != 0) return;
        total += block;
        block = 0;
        terms = kBlock;
    }

    // Short sums avoid double, which is slow on many GPUs.
    PYCNN_HOST_DEVICE float value() const { return terms < kBlock ? block : static_cast<float>(total + block); }
};

}  // namespace pycnn
