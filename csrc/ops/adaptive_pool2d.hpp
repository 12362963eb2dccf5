// Pooling to a given output size, float32 NCHW: the window of output i is floor(i H / P) .. ceil((i + 1) H / P) - 1, so windows
// cover the plane and may overlap by one element. Shapes are checked by the caller.
#pragma once

#include "core/shape.hpp"

namespace pycnn {

void adaptive_avg_pool2d(const ResizeShape& s, const float* x, float* y);
void adaptive_avg_pool2d_backward(const ResizeShape& s, const float* dy, float* dx);

// indices: position h * W + w of each maximum inside its plane, for max_pool2d_backward.
void adaptive_max_pool2d(const ResizeShape& s, const float* x, float* y, int32_t* indices);

}  // namespace pycnn
