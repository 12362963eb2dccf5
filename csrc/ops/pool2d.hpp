// Max and average pooling, float32 NCHW. Shapes are checked by the caller.
#pragma once

#include "core/host_device.hpp"
#include "core/shape.hpp"

namespace pycnn {

// indices: position h * W + w of each maximum inside its input plane.
void max_pool2d(const PoolShape& s, const float* x, float* y, int32_t* indices);

// The most gradients of maxima that one float adds up. Which outputs have the same winner is not known, but in a plane of so few no sum
// is long. In larger planes CUDA adds up in double, and so does the CPU where the winners show that a sum may be long.
constexpr int64_t kFewOutputs = 2048;

// dx[indices[i]] += dy[i] in each of `planes` planes; ValueError for an index outside the plane.
void max_pool2d_backward(int64_t planes, int64_t outputs, int64_t inputs, const float* dy, const int32_t* indices, float* dx);

// How the divisor of an average is found.
struct AverageRule {
    bool count_include_pad;
    int64_t divisor_override;  // 0: none
};

// The part of a divisor along one axis: the positions from `start` on that lie in the plane or at most `margin` beyond it.
PYCNN_HOST_DEVICE inline int64_t divisor_extent(int64_t start, int64_t taps, int64_t size, int64_t margin) {
    const int64_t end = start + taps < size + margin ? start + taps : size + margin;
    return end - (start > -margin ? start : -margin);
}

// PyTorch's divisor of output (p, q): the window's extent, clipped to the padded plane (a ceil_mode window may reach beyond it), or the
// number of elements inside the plane.
PYCNN_HOST_DEVICE inline float average_divisor(const PoolShape& s, const AverageRule& rule, int64_t p, int64_t q) {
    if (rule.divisor_override) return static_cast<float>(rule.divisor_override);
    const int64_t margin_h = rule.count_include_pad ? s.pad.h : 0, margin_w = rule.count_include_pad ? s.pad.w : 0;
    return static_cast<float>(divisor_extent(p * s.stride.h - s.pad.h, s.kernel.h, s.H, margin_h) *
                              divisor_extent(q * s.stride.w - s.pad.w, s.kernel.w, s.W, margin_w));
}

void avg_pool2d(const PoolShape& s, AverageRule rule, const float* x, float* y);
void avg_pool2d_backward(const PoolShape& s, AverageRule rule, const float* dy, float* dx);

}  // namespace pycnn
