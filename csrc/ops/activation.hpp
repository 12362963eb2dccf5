// Activations of each number alone.
#pragma once

#include <cstdint>

namespace pycnn {

void relu(int64_t count, const float* x, float* y);
void relu_backward(int64_t count, const float* dy, const float* y, float* dx);

void leaky_relu(int64_t count, float slope, const float* x, float* y);
void leaky_relu_backward(int64_t count, float slope, const float* dy, const float* x, float* dx);

// amplitude tanh(slope x); amplitude is not zero.
void tanh(int64_t count, double amplitude, double slope, const float* x, float* y);
void tanh_backward(int64_t count, double amplitude, double slope, const float* dy, const float* y, float* dx);

void sigmoid(int64_t count, const float* x, float* y);
void sigmoid_backward(int64_t count, const float* dy, const float* y, float* dx);

enum class GeluForm { exact, tanh };
void gelu(int64_t count, GeluForm form, const float* x, float* y);
void gelu_backward(int64_t count, GeluForm form, const float* dy, const float* x, float* dx);

}  // namespace pycnn
