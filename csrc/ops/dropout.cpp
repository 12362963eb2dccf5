#include "ops/dropout.hpp"

#include <algorithm>
#include <cmath>

namespace pycnn {

DropoutScalars dropout_scalars(double p, uint64_t seed) {
    // A p within 2^-33 of 1 would need 2^32, which no number reaches.
    const double threshold = std::min(std::nearbyint(p * 0x1p32), 0x1p32 - 1);
    return {seed, static_cast<uint32_t>(threshold), dropout_scale(p)};
}

float dropout_scale(double p) { return static_cast<float>(1 / (1 - p)); }

}  // namespace pycnn
