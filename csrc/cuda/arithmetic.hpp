// Arithmetic of whole arrays, where the CPU side has NumPy's.
#pragma once

#include <cstdint>

namespace pycnn::cuda {

void add(int64_t count, const float* a, const float* b, float* sum);  // sum may be a or b

}  // namespace pycnn::cuda
