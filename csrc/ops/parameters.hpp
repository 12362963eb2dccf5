// The numbers that kernels of both back-ends take: what an op's arguments amount to. Plain structs only: code that is compiled once
// per instruction set includes this header.
#pragma once

#include <cstdint>

namespace pycnn {

struct BatchNormScalars {
    float mean, scale, slope, offset;  // dx = dy * scale - (x - mean) * slope - offset
};

// Local response normalisation over windows of channels: c - before .. c + after, clipped.
struct LrnWindow {
    int64_t C, pixels;  // channels are `pixels` floats apart
    int64_t before, after;
    float k, alpha, beta;
    float slope;  // 2 alpha beta
};

struct DropoutScalars {
    uint64_t seed;
    uint32_t threshold;  // the least random number with which an element is kept
    float scale;         // 1 / (1 - p)
};

struct AdamScalars {
    float step_size, beta1, beta2;
    float one_minus_beta1, one_minus_beta2;  // taken in double: 1 - 0.999f is off by 2e-5 of itself
    float inverse_root_correction2, eps, decay_factor, weight_decay;
};

struct SgdScalars {
    float lr, momentum, one_minus_dampening, weight_decay;
    bool nesterov, first;
};

struct AdadeltaScalars {
    float lr, rho, one_minus_rho, eps, weight_decay;
};

struct RmspropScalars {
    float lr, alpha, one_minus_alpha, eps, weight_decay, momentum;
};

}  // namespace pycnn
