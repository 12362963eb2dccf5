// Backward-input of a strided convolution, along one axis: input position h = phase + stride * i receives dy[(h + pad - tap *
// dilation) / stride] for the taps where the division leaves no rest. They are the same taps for every i, and the quotient is i
// + displacement.
#pragma once

#include <cstdint>
#include <vector>

namespace pycnn {

struct PhaseTaps {
    std::vector<int64_t> taps, displacements;

    PhaseTaps(int64_t phase, int64_t count, int64_t stride, int64_t dilation, int64_t pad) {
        for (int64_t tap = 0; tap < count; ++tap) {
            const int64_t numerator = phase + pad - tap * dilation;
            if (numerator % stride != 0) continue;
            taps.push_back(tap);
            displacements.push_back(numerator / stride);
        }
    }
};

}  // namespace pycnn
