// Local response normalisation across channels: scale = k + alpha * (sum of x^2 over a window of channels),
// y = x * scale^-beta. A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet classification with deep convolutional neural
// networks", NIPS 2012, section 3.3.
#pragma once

#include <cstdint>

namespace pycnn {

struct LrnShape {
    int64_t N, C, pixels;  // (N, C, H, W) with H * W pixels
    int64_t size;          // channels in a window: size / 2 before, (size - 1) / 2 after, clipped
    double k, alpha, beta;
};

// Local response normalisation over windows of channels: c - before .. c + after, clipped.
struct LrnWindow {
    int64_t C, pixels;  // channels are `pixels` floats apart
    int64_t before, after;
    float k, alpha, beta;
    float slope;  // 2 alpha beta
};
LrnWindow window_of(const LrnShape& s);

void local_response_norm(const LrnShape& s, const float* x, float* y, float* scale);
void local_response_norm_backward(const LrnShape& s, const float* dy, const float* x, const float* y, const float* scale,
                                  float* dx);

}  // namespace pycnn
