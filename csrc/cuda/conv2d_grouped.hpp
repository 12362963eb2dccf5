// Convolution of few channels, depthwise above all: a thread for each result, without shared memory. A tile of a matrix product
// would be nearly empty.
#pragma once

#include "cuda/conv_operands.hpp"

namespace pycnn::cuda {

// More groups than one, of at most four channels and four filters.
inline bool is_direct(const ConvSizes& s) { return s.groups > 1 && s.group_outputs <= 4 && s.group_inputs <= 4; }

void direct_forward(const ConvSizes& s, const float* x, const float* w, const float* b, bool relu, float* y);
void direct_backward_input(const ConvSizes& s, const float* dy, const float* w, float* dx, const float* b);
void direct_backward_weight(const ConvSizes& s, const float* dy, const float* x, float* dw);

}  // namespace pycnn::cuda
