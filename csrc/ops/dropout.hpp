// Dropout with a generator without a state: whether an element is kept depends on the seed and its index alone.
#pragma once

#include <cstdint>

namespace pycnn {

struct DropoutScalars {
    uint64_t seed;
    uint32_t threshold;  // the least random number with which an element is kept
    float scale;         // of what is kept
};
DropoutScalars dropout_scalars(double p, uint64_t seed);
float dropout_scale(double p);

// Element i has number i % 4 of block first_block + i / 4 of Philox4x32-10, whose key is the seed; it is kept if that is at
// least p 2^32, rounded. kept[i] is 1 or 0.
void dropout(int64_t count, uint64_t first_block, double p, uint64_t seed, const float* x, float* y, uint8_t* kept);
void dropout_backward(int64_t count, double p, const float* dy, const uint8_t* kept, float* dx);

}  // namespace pycnn
