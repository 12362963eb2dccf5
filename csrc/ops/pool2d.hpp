// Max and average pooling, float32 NCHW. Shapes are checked by the caller.
#pragma once

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

void avg_pool2d(const PoolShape& s, AverageRule rule, const float* x, float* y);
void avg_pool2d_backward(const PoolShape& s, AverageRule rule, const float* dy, float* dx);

}  // namespace pycnn
