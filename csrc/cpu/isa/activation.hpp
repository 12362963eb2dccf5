// Elementwise activations. NaN passes; infinities yield the limit.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/isa/transcendental.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

// out[i] = f(in[i]...), a vector at a time. One copy of f serves whole vectors and the last lanes, so that a result does not
// depend on its position in the array.
template <class F, class... In>
inline void map_vectors(int64_t count, float* out, F&& f, const In*... in) {
    for (int64_t i = 0; i < count; i += kLanes) store_at_most(out + i, f(load_at_most(in + i, count - i)...), count - i);
}

void add(int64_t count, const float* a, const float* b, float* y) {
    map_vectors(count, y, [](Vec u, Vec v) { return u + v; }, a, b);
}

// x < 0 ? 0 : x and not max(x, 0): NaN passes. y may be x.
void relu(int64_t count, const float* x, float* y) {
    map_vectors(count, y, [](Vec v) { return v < 0.0f ? Vec{} : v; }, x);
}

// dx may be dy or y.
void relu_backward(int64_t count, const float* dy, const float* y, float* dx) {
    map_vectors(count, dx, [](Vec gradient, Vec output) { return output <= 0.0f ? Vec{} : gradient; }, dy, y);
}

void leaky_relu(int64_t count, float slope, const float* __restrict x, float* __restrict y) {
    for (int64_t i = 0; i < count; ++i) y[i] = x[i] < 0.0f ? slope * x[i] : x[i];
}

void leaky_relu_backward(int64_t count, float slope, const float* __restrict dy, const float* __restrict x,
                         float* __restrict dx) {
    for (int64_t i = 0; i < count; ++i) dx[i] = x[i] <= 0.0f ? slope * dy[i] : dy[i];
}

void scaled_tanh(int64_t count, float amplitude, float slope, const float* x, float* y) {
    map_vectors(count, y, [=](Vec v) { return amplitude * tanh(slope * v); }, x);
}

// amplitude slope (1 - (y / amplitude)^2), factored so that only amplitude and y themselves can cancel.
void scaled_tanh_backward(int64_t count, float amplitude, float slope_by_amplitude, const float* dy, const float* y,
                          float* dx) {
    map_vectors(count, dx, [=](Vec g, Vec v) { return g * (slope_by_amplitude * ((amplitude - v) * (amplitude + v))); }, dy, y);
}

void sigmoid(int64_t count, const float* x, float* y) {
    map_vectors(count, y, [](Vec v) { return logistic(v); }, x);
}

void sigmoid_backward(int64_t count, const float* dy, const float* y, float* dx) {
    map_vectors(count, dx, [](Vec g, Vec v) { return g * (v * (1.0f - v)); }, dy, y);
}

// Beyond +-kGeluLimit the distribution function is 0 or 1 in float, and so is that of the tanh form. Arguments are clamped there,
// so that an infinity is not multiplied by zero.
constexpr float kGeluLimit = 14.0f;
inline Vec not_below(Vec x, float limit) { return x < limit ? broadcast(limit) : x; }
inline Vec not_above(Vec x, float limit) { return x > limit ? broadcast(limit) : x; }

// x P(X <= x), X standard normal: for x < 0 the tail itself is the factor, which keeps its relative accuracy.
void gelu(int64_t count, const float* x, float* y) {
    const auto f = [](Vec v) {
        const Vec held = not_below(v, -kGeluLimit);
        const Vec tail = normal_tail(not_above(magnitude(v), kGeluLimit)).probability;
        return held * (v < 0.0f ? tail : 1.0f - tail);
    };
    map_vectors(count, y, f, x);
}

// P(X <= x) + x times the density.
void gelu_backward(int64_t count, const float* dy, const float* x, float* dx) {
    const auto f = [](Vec g, Vec v) {
        const Vec held = not_above(not_below(v, -kGeluLimit), kGeluLimit);
        const NormalTail tail = normal_tail(magnitude(held));
        const Vec density = 0x1.988454p-2f * tail.exponential;  // 1 / sqrt(2 pi)
        return g * ((v < 0.0f ? tail.probability : 1.0f - tail.probability) + held * density);
    };
    map_vectors(count, dx, f, dy, x);
}

// D. Hendrycks, K. Gimpel, "Gaussian error linear units", 2016: x (1 + tanh(v)) / 2 with v = sqrt(2 / pi) (x + 0.044715 x^3).
// (1 + tanh(v)) / 2 is the logistic function of 2 v, which does not cancel for negative v.
constexpr float kTwoRootTwoByPi = 0x1.988454p0f, kCubic = 0.044715f;

void gelu_tanh(int64_t count, const float* x, float* y) {
    const auto f = [](Vec v) {
        const Vec held = not_below(v, -kGeluLimit);
        return held * logistic(kTwoRootTwoByPi * held * (1.0f + kCubic * (held * held)));
    };
    map_vectors(count, y, f, x);
}

// s(2 v) + x s(2 v) s(-2 v) 2 v', s the logistic function. With e = exp(-|2 v|) neither s overflows.
void gelu_tanh_backward(int64_t count, const float* dy, const float* x, float* dx) {
    const auto f = [](Vec g, Vec v) {
        const Vec held = not_above(not_below(v, -kGeluLimit), kGeluLimit);
        const Vec square = held * held;
        const Vec e = exp(-magnitude(kTwoRootTwoByPi * held * (1.0f + kCubic * square)));
        const Vec larger = 1.0f / (1.0f + e), smaller = e * larger;
        const Vec slope = kTwoRootTwoByPi * (1.0f + 3.0f * kCubic * square);
        return g * ((v < 0.0f ? smaller : larger) + held * larger * smaller * slope);
    };
    map_vectors(count, dx, f, dy, x);
}

constexpr void fill_activation(KernelTable& table) {
    table.add = add;
    table.relu = relu;
    table.relu_backward = relu_backward;
    table.leaky_relu = leaky_relu;
    table.leaky_relu_backward = leaky_relu_backward;
    table.tanh = scaled_tanh;
    table.tanh_backward = scaled_tanh_backward;
    table.sigmoid = sigmoid;
    table.sigmoid_backward = sigmoid_backward;
    table.gelu = gelu;
    table.gelu_backward = gelu_backward;
    table.gelu_tanh = gelu_tanh;
    table.gelu_tanh_backward = gelu_tanh_backward;
}

}  // namespace
}  // namespace pycnn
