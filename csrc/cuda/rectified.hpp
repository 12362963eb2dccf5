// ReLU of a number.
#pragma once

#include "cuda/launch.hpp"

namespace pycnn::cuda {

// x < 0 ? 0 : x and not max(x, 0): NaN passes.
__device__ inline float rectified(float x) { return x < 0.0f ? 0.0f : x; }

}  // namespace pycnn::cuda
