// 2-D cross-correlation and its gradients, float32, NCHW x OIHW -> NCHW. Shapes are checked by the caller.
#pragma once

#include "core/shape.hpp"

namespace pycnn {

// y[n,k,p,q] = b[k] + sum over c,r,s of w[k,c,r,s] * x[n, c, p * stride + r * dilation - pad, ...]; b may be null.
void conv2d(const ConvShape& s, const float* x, const float* w, const float* b, float* y);

// relu of that.
void conv2d_relu(const ConvShape& s, const float* x, const float* w, const float* b, float* y);

// dx from dy and w: the transpose of the map x -> y. `b`, one number for each channel of dx, is added if it is not null: this is
// also the forward pass of a transposed convolution.
void conv2d_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b = nullptr);

// dw and db (sums over images and pixels) from dy and x.
void conv2d_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db);

}  // namespace pycnn
