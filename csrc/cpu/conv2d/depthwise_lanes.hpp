// Depthwise convolution with channels in lanes (isa/depthwise_lanes.hpp), for small planes and any geometry.
#pragma once

#include "cpu/conv2d/algorithms.hpp"

namespace pycnn {

bool suits_depthwise_lanes(ConvPass pass, const ConvShape& s);

void conv2d_depthwise_lanes(const ConvShape& s, const float* x, const float* w, const float* b, float* y);
void conv2d_depthwise_lanes_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b);
void conv2d_depthwise_lanes_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db);

}  // namespace pycnn
