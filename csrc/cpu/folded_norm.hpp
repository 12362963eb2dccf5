// Batch normalisation with statistics that stay, as one scale and one shift of each channel. The statistics of a network lie in the CPU's
// memory for every device.
#pragma once

#include <cstdint>

namespace pycnn {

struct FoldedNorm {
    float *inv_std, *scale, *shift;  // (C) each
};

// inv_std = 1 / sqrt(var + eps), scale = inv_std * weight, shift = bias - mean * scale, each in double and rounded once. weight and bias
// may be null: 1 and 0.
void fold_norm(int64_t C, const float* mean, const float* var, const float* weight, const float* bias, double eps,
               const FoldedNorm& y);

}  // namespace pycnn
