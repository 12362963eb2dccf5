// What becomes of the losses of the samples, and of the gradient that comes back to them.
#pragma once

#include <cstdint>

namespace pycnn {

enum class Reduction { none, sum, mean };

// Gradient of what follows with respect to the loss: one number (sum, mean), or one for each loss (none).
struct LossGradient {
    float same;
    const float* each;  // or null

    double operator[](int64_t i) const { return each != nullptr ? each[i] : same; }
};

}  // namespace pycnn
