// Convolution of any shape as matrix products on packed operands. Forward and backward-input are implicit_gemm on packed patches,
// backward-weight a product whose sum runs over images and pixels. Results and arguments are those of ops/conv2d.hpp.
#pragma once

#include "core/shape.hpp"

namespace pycnn {

void conv2d_gemm(const ConvShape& s, const float* x, const float* w, const float* b, float* y);
void conv2d_gemm_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b);
void conv2d_gemm_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db);

}  // namespace pycnn
