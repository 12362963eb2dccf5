// Activations: drivers that cut long arrays into chunks for the threads.
#pragma once

#include <cstdint>

namespace pycnn {

void relu(int64_t count, const float* x, float* y);
void relu_backward(int64_t count, const float* dy, const float* y, float* dx);

}  // namespace pycnn
