// Grouped convolution with few channels in a group, above all depthwise: a thread for each result, without shared memory. Tiles
// of a matrix product would be nearly empty.
#pragma once

#include "cuda/conv_operands.hpp"

namespace pycnn::cuda {

// Several groups, of at most four channels and four filters each.
inline bool has_small_groups(const ConvSizes& s) { return s.groups > 1 && s.group_outputs <= 4 && s.group_inputs <= 4; }

void grouped_forward(const ConvSizes& s, const float* x, const float* w, const float* b, bool relu, float* y);
void grouped_backward_input(const ConvSizes& s, const float* dy, const float* w, float* dx, const float* b);
void grouped_backward_weight(const ConvSizes& s, const float* dy, const float* x, float* dw);

}  // namespace pycnn::cuda
