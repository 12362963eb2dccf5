// Upsampling by whole numbers, and zero padding, float32 NCHW. Shapes are checked by the caller.
#pragma once

#include "core/shape.hpp"

namespace pycnn {

// Each pixel becomes a block of scale.h x scale.w; backward adds up the block.
void upsample_nearest(const ResizeShape& s, Pair scale, const float* x, float* y);
void upsample_nearest_backward(const ResizeShape& s, Pair scale, const float* dy, float* dx);

// Interpolation between the two nearest rows and columns. With align_corners the corner pixels of x and y lie on each other,
// otherwise the corners of their areas do.
void upsample_bilinear(const ResizeShape& s, Pair scale, bool align_corners, const float* x, float* y);
void upsample_bilinear_backward(const ResizeShape& s, Pair scale, bool align_corners, const float* dy, float* dx);

void zero_pad2d(const ResizeShape& s, const Padding& pad, const float* x, float* y);
void zero_pad2d_backward(const ResizeShape& s, const Padding& pad, const float* dy, float* dx);

}  // namespace pycnn
