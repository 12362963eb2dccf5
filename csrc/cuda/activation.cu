// Elementwise activations, with the formulas of csrc/cpu/isa/activation.hpp. NaN passes through; infinities give the limit.
#include "cuda/elementwise.hpp"
#include "cuda/normal_tail.hpp"
#include "cuda/rectified.hpp"
#include "ops/activation.hpp"

namespace pycnn {
namespace {

struct Relu {
    __device__ float operator()(float x) const { return cuda::rectified(x); }
};

struct ReluGradient {
    __device__ float operator()(float dy, float y) const { return y <= 0.0f ? 0.0f : dy; }
};

struct LeakyRelu {
    float slope;
    __device__ float operator()(float x) const { return x < 0.0f ? slope * x : x; }
};

struct LeakyReluGradient {
    float slope;
    __device__ float operator()(float dy, float x) const { return x <= 0.0f ? slope * dy : dy; }
};

struct ScaledTanh {
    float amplitude, slope;
    __device__ float operator()(float x) const { return amplitude * tanhf(slope * x); }
};

// amplitude slope (1 - (y / amplitude)^2), factored so that nothing cancels but amplitude and y themselves.
struct ScaledTanhGradient {
    float amplitude, slope_by_amplitude;
    __device__ float operator()(float dy, float y) const {
        return dy * (slope_by_amplitude * ((amplitude - y) * (amplitude + y)));
    }
};

__device__ float logistic(float x) { return 1.0f / (1.0f + expf(-x)); }

struct Sigmoid {
    __device__ float operator()(float x) const { return logistic(x); }
};

struct SigmoidGradient {
    __device__ float operator()(float dy, float y) const { return dy * (y * (1.0f - y)); }
};

// Beyond +-kGeluLimit the distribution function is 0 or 1 in float, in the tanh form as well. Arguments are clamped to that
// range, so that infinity is not multiplied by zero.
constexpr float kGeluLimit = 14.0f;
__device__ float not_below(float x, float limit) { return x < limit ? limit : x; }
__device__ float not_above(float x, float limit) { return x > limit ? limit : x; }

// x P(X <= x), X standard normal: for x < 0 the tail itself is the factor, so that its relative accuracy is kept.
struct Gelu {
    __device__ float operator()(float x) const {
        const float tail = cuda::normal_tail(not_above(fabsf(x), kGeluLimit)).probability;
        return not_below(x, -kGeluLimit) * (x < 0.0f ? tail : 1.0f - tail);
    }
};

// P(X <= x) + x times the density.
struct GeluGradient {
    __device__ float operator()(float dy, float x) const {
        const float held = not_above(not_below(x, -kGeluLimit), kGeluLimit);
        const cuda::NormalTail tail = cuda::normal_tail(fabsf(held));
        const float density = 0x1.988454p-2f * tail.exponential;  // 1 / sqrt(2 pi)
        return dy * ((x < 0.0f ? tail.probability : 1.0f - tail.probability) + held * density);
    }
};

// D. Hendrycks, K. Gimpel, "Gaussian error linear units", 2016: x (1 + tanh(v)) / 2 with v = sqrt(2 / pi) (x + 0.044715 x^3).
// (1 + tanh(v)) / 2 is the logistic function of 2 v, which does not cancel where v is negative.
constexpr float kTwoRootTwoByPi = 0x1.988454p0f, kCubic = 0.044715f;

struct GeluTanh {
    __device__ float operator()(float x) const {
        const float held = not_below(x, -kGeluLimit);
        return held * logistic(kTwoRootTwoByPi * held * (1.0f + kCubic * (held * held)));
    }
};

// s(2 v) + x s(2 v) s(-2 v) 2 v', s the logistic function. With e = exp(-|2 v|) neither s overflows.
struct GeluTanhGradient {
    __device__ float operator()(float dy, float x) const {
        const float held = not_above(not_below(x, -kGeluLimit), kGeluLimit);
        const float square = held * held;
        const float e = expf(-fabsf(kTwoRootTwoByPi * held * (1.0f + kCubic * square)));
        const float larger = 1.0f / (1.0f + e), smaller = e * larger;
        const float slope = kTwoRootTwoByPi * (1.0f + 3.0f * kCubic * square);
        return dy * ((x < 0.0f ? smaller : larger) + held * larger * smaller * slope);
    }
};

}  // namespace

void relu(int64_t count, const float* x, float* y) { cuda::map(count, Relu{}, y, x); }
void relu_backward(int64_t count, const float* dy, const float* y, float* dx) { cuda::map(count, ReluGradient{}, dx, dy, y); }

void leaky_relu(int64_t count, float slope, const float* x, float* y) { cuda::map(count, LeakyRelu{slope}, y, x); }
void leaky_relu_backward(int64_t count, float slope, const float* dy, const float* x, float* dx) {
    cuda::map(count, LeakyReluGradient{slope}, dx, dy, x);
}

void tanh(int64_t count, double amplitude, double slope, const float* x, float* y) {
    cuda::map(count, ScaledTanh{static_cast<float>(amplitude), static_cast<float>(slope)}, y, x);
}
void tanh_backward(int64_t count, double amplitude, double slope, const float* dy, const float* y, float* dx) {
    cuda::map(count, ScaledTanhGradient{static_cast<float>(amplitude), static_cast<float>(slope / amplitude)}, dx, dy, y);
}

void sigmoid(int64_t count, const float* x, float* y) { cuda::map(count, Sigmoid{}, y, x); }
void sigmoid_backward(int64_t count, const float* dy, const float* y, float* dx) {
    cuda::map(count, SigmoidGradient{}, dx, dy, y);
}

void gelu(int64_t count, GeluForm form, const float* x, float* y) {
    if (form == GeluForm::exact) {
        cuda::map(count, Gelu{}, y, x);
    } else {
        cuda::map(count, GeluTanh{}, y, x);
    }
}
void gelu_backward(int64_t count, GeluForm form, const float* dy, const float* x, float* dx) {
    if (form == GeluForm::exact) {
        cuda::map(count, GeluGradient{}, dx, dy, x);
    } else {
        cuda::map(count, GeluTanhGradient{}, dx, dy, x);
    }
}

}  // namespace pycnn
