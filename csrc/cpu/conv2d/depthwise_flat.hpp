// Depthwise convolution on flat planes (isa/depthwise_flat.hpp), for filters of 3 x 3.
#pragma once

#include "cpu/conv2d/algorithms.hpp"

namespace pycnn {

bool suits_depthwise_flat(ConvPass pass, const ConvShape& s);

void conv2d_depthwise_flat(const ConvShape& s, const float* x, const float* w, const float* b, float* y);
void conv2d_depthwise_flat_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b);
void conv2d_depthwise_flat_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db);

}  // namespace pycnn
