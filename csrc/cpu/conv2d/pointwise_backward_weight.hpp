// The dw of `gemm` for a 1 x 1 on large planes with few channels or filters, without copies. Arguments are those of ops/conv2d.hpp.
#pragma once

#include "core/shape.hpp"

namespace pycnn {

bool suits_pointwise_backward_weight(const ConvShape& s);

void pointwise_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db);

}  // namespace pycnn
