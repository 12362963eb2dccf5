// Pooling to a given output size, float32 NCHW. Shapes are checked by the caller.
#pragma once

#include "core/host_device.hpp"
#include "core/shape.hpp"

namespace pycnn {

// The part of a window along one axis: `count` positions from `first` on.
template <class Index>
struct AdaptiveSpan {
    Index first, count;
};

// The window of output i is floor(i size / outputs) .. ceil((i + 1) size / outputs) - 1, so windows cover the plane and may
// overlap by one element.
template <class Index>
PYCNN_HOST_DEVICE AdaptiveSpan<Index> adaptive_span(int64_t i, int64_t size, int64_t outputs) {
    const Index first = static_cast<Index>(i * size / outputs);
    return {first, static_cast<Index>(((i + 1) * size + outputs - 1) / outputs) - first};
}

void adaptive_avg_pool2d(const ResizeShape& s, const float* x, float* y);
void adaptive_avg_pool2d_backward(const ResizeShape& s, const float* dy, float* dx);

// indices: position h * W + w of each maximum inside its plane, for max_pool2d_backward.
void adaptive_max_pool2d(const ResizeShape& s, const float* x, float* y, int32_t* indices);

}  // namespace pycnn
