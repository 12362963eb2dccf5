// Fully connected layer: y (N, out) = x (N, in) w^T + b, w (out, in). Shapes are checked by the caller.
#pragma once

#include <cstdint>

namespace pycnn {

struct LinearShape {
    int64_t N, inputs, outputs;
};

void linear(const LinearShape& s, const float* x, const float* w, const float* b, float* y);       // b may be null
void linear_relu(const LinearShape& s, const float* x, const float* w, const float* b, float* y);  // relu of that
void linear_backward_input(const LinearShape& s, const float* dy, const float* w, float* dx);
void linear_backward_weight(const LinearShape& s, const float* dy, const float* x, float* dw, float* db);

}  // namespace pycnn
