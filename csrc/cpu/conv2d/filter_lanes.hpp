// Convolution with lanes along the filters: a pixel of the output is then some vectors of filters, each tap of each channel adds
// x[pixel + tap] * w[tap][filters], and the images are read one float at a time, so that nothing of them is packed, whatever the
// stride. Results and arguments are those of ops/conv2d.hpp.
#pragma once

#include "cpu/conv2d/algorithms.hpp"

namespace pycnn {

bool suits_filter_lanes(ConvPass pass, const ConvShape& s);

void conv2d_filter_lanes(const ConvShape& s, const float* x, const float* w, const float* b, float* y);
void conv2d_filter_lanes_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b);
void conv2d_filter_lanes_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db);

}  // namespace pycnn
