// Upsampling by whole numbers, and zero padding, float32 NCHW. Shapes are checked by the caller.
#pragma once

#include "core/host_device.hpp"
#include "core/shape.hpp"

namespace pycnn {

// Each pixel becomes a block of scale.h x scale.w; backward adds up the block.
void upsample_nearest(const ResizeShape& s, Pair scale, const float* x, float* y);
void upsample_nearest_backward(const ResizeShape& s, Pair scale, const float* dy, float* dx);

// One output row (or column): first_weight * x[first] + second_weight * x[second].
template <class Index>
struct BilinearMix {
    Index first, second;
    float first_weight, second_weight;
};

// Output i of `out` along an axis of `in` elements. Positions are few, and need more digits than a float has: they are in double.
template <class Index>
PYCNN_HOST_DEVICE BilinearMix<Index> bilinear_mix(int64_t i, int64_t in, int64_t out, int64_t scale, bool align_corners) {
    double position = 0;
    if (!align_corners) {
        position = (static_cast<double>(i) + 0.5) / static_cast<double>(scale) - 0.5;
        if (position < 0) position = 0;
    } else if (out > 1) {
        position = static_cast<double>(i * (in - 1)) / static_cast<double>(out - 1);
    }
    const Index first = static_cast<Index>(position), last = static_cast<Index>(in - 1);
    const double part = position - static_cast<double>(first);
    return {first, first < last ? first + 1 : last, static_cast<float>(1 - part), static_cast<float>(part)};
}

// Interpolation between the two nearest rows and columns. With align_corners the corner pixels of x and y lie on each other,
// otherwise the corners of their areas do.
void upsample_bilinear(const ResizeShape& s, Pair scale, bool align_corners, const float* x, float* y);
void upsample_bilinear_backward(const ResizeShape& s, Pair scale, bool align_corners, const float* dy, float* dx);

void zero_pad2d(const ResizeShape& s, const Padding& pad, const float* x, float* y);
void zero_pad2d_backward(const ResizeShape& s, const Padding& pad, const float* dy, float* dx);

}  // namespace pycnn
