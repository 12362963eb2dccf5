// Transposed convolution: the forward pass is the backward-input pass of a convolution, and the other way round. Both back-ends
// compute it by their own convolution, so ops/conv_transpose2d.cpp serves both.
//
// `s` describes that convolution (see conv_transpose_shape), so x and dx are (N, K, P, Q), y and dy (N, C, H, W).
#pragma once

#include "core/shape.hpp"

namespace pycnn {

void conv_transpose2d(const ConvShape& s, const float* x, const float* w, const float* b, float* y);  // b may be null
void conv_transpose2d_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx);
void conv_transpose2d_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db);

}  // namespace pycnn
