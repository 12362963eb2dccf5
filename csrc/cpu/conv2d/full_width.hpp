// Convolution whose filters are as wide as the image: one output a row of windows (Q = 1), as in text networks, where a row
// is the embedding of a word. A patch is then R whole rows, one run of R * W floats in memory, and neighbouring patches are
// the same memory `stride` rows on: nothing needs to be packed. The general engine would run its lanes along Q and use one.
// Results and arguments are those of ops/conv2d.hpp.
#pragma once

#include "cpu/conv2d/algorithms.hpp"

namespace pycnn {

bool takes_full_width(ConvPass pass, const ConvShape& s);

void conv2d_full_width(const ConvShape& s, const float* x, const float* w, const float* b, float* y);
void conv2d_full_width_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b);
void conv2d_full_width_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db);

}  // namespace pycnn
