// Activations of each number alone.
#pragma once

#include <cstdint>

#include "ops/activation_kind.hpp"

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

// A kind with the numbers that it takes; the others are 0. The gradient is computed from the input.
struct Activation {
    ActivationKind kind;
    float a, b;
};
void activation(int64_t count, const Activation& f, const float* x, float* y);
void activation_backward(int64_t count, const Activation& f, const float* dy, const float* x, float* dx);

}  // namespace pycnn
