// The gradient of a linear layer's bias alone, with the bits that linear_backward_weight gives it.
#pragma once

#include "ops/linear.hpp"

namespace pycnn {

void linear_backward_bias(const LinearShape& s, const float* dy, float* db);

}  // namespace pycnn
