// Rows of bytes by number, turned into floats: (N, C, P)[index] -> (count, C, P). For data sets, which lie in the CPU's memory for
// every device.
#pragma once

#include <cstdint>

namespace pycnn {

// The float of each byte, in each of C channels or in all of them: a table decides. Where the rounded line scale * byte + shift gives
// exactly the numbers of the table, it is computed instead, because lanes can do that.
struct PixelValues {
    int64_t channels;     // 1 or C
    const float* tables;  // (channels, 256)
    const double* lines;  // (channels, 2): scale and shift
};

// y[i, c, p] = value of byte x[index[i], c, p] in channel c; the numbers in `index` are checked.
void pixel_rows(int64_t C, int64_t P, const uint8_t* x, const PixelValues& values, int64_t count, const int64_t* index,
                float* y);

}  // namespace pycnn
