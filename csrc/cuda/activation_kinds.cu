// The kinds of the op `activation`, with the formulas of csrc/cpu/isa/activation_kinds.hpp, which has their reasons. NaN passes;
// infinities give the limit.
#include "cuda/elementwise.hpp"
#include "ops/activation.hpp"

namespace pycnn {
namespace cuda {
namespace {

constexpr float kNothing = 104.0f;

__device__ float at_least(float x, float limit) { return x < limit ? limit : x; }
__device__ float at_most(float x, float limit) { return x > limit ? limit : x; }

struct Silu {
    Activation f;
    __device__ float operator()(float x) const {
        const float v = at_least(x, -kNothing);
        return v / (1.0f + expf(-v));
    }
    __device__ float operator()(float dy, float x) const {
        const float v = at_most(at_least(x, -kNothing), kNothing), e = expf(-fabsf(v));
        const float larger = 1.0f / (1.0f + e), smaller = e * larger;
        return dy * ((v < 0.0f ? smaller : larger) + v * larger * smaller);
    }
};

struct Elu {
    Activation f;
    __device__ float operator()(float x) const { return x < 0.0f ? f.a * expm1f(x) : x; }
    __device__ float operator()(float dy, float x) const { return x <= 0.0f ? dy * (f.a * expf(x)) : dy; }
};

struct Hardswish {
    Activation f;
    __device__ float operator()(float x) const {
        const float v = at_least(x, -3.0f);
        return x >= 3.0f ? x : v * ((v + 3.0f) / 6.0f);
    }
    __device__ float operator()(float dy, float x) const {
        return x <= -3.0f ? 0.0f : (x >= 3.0f ? dy : dy * (x / 3.0f + 0.5f));
    }
};

struct Hardsigmoid {
    Activation f;
    __device__ float operator()(float x) const { return at_most(at_least(x + 3.0f, 0.0f), 6.0f) / 6.0f; }
    __device__ float operator()(float dy, float x) const { return x <= -3.0f || x >= 3.0f ? 0.0f : dy / 6.0f; }
};

struct Softplus {
    Activation f;
    __device__ float operator()(float x) const {
        const float z = f.a * x;
        return z > f.b ? x : (at_least(z, 0.0f) + log1pf(expf(-fabsf(z)))) / f.a;
    }
    __device__ float operator()(float dy, float x) const {
        const float z = f.a * x;
        return z > f.b ? dy : dy * (1.0f / (1.0f + expf(-z)));
    }
};

// Its value over x is top / (top + rest).
struct Mish {
    Activation f;
    __device__ float top(float v, float e) const { return v < 0.0f ? e * (e + 2.0f) : 1.0f + 2.0f * e; }
    __device__ float rest(float v, float e) const { return v < 0.0f ? 2.0f : 2.0f * e * e; }
    __device__ float operator()(float x) const {
        const float v = at_least(x, -kNothing), e = expf(-fabsf(v)), part = top(v, e);
        return v * (part / (part + rest(v, e)));
    }
    __device__ float operator()(float dy, float x) const {
        const float v = at_most(at_least(x, -kNothing), kNothing), e = expf(-fabsf(v));
        const float part = top(v, e), scale = 1.0f / (part + rest(v, e)), t = part * scale;
        const float s = (v < 0.0f ? e : 1.0f) / (1.0f + e);
        return dy * (t + v * s * (rest(v, e) * scale) * (1.0f + t));
    }
};

struct Hardtanh {
    Activation f;
    __device__ float operator()(float x) const { return at_most(at_least(x, f.a), f.b); }
    __device__ float operator()(float dy, float x) const { return x <= f.a || x >= f.b ? 0.0f : dy; }
};

struct Negative {
    Activation f;
    __device__ float operator()(float x) const { return x > 0.0f ? 0.0f : x; }
    __device__ float operator()(float dy, float x) const { return x > 0.0f ? 0.0f : dy; }
};

struct Focal {
    Activation f;
    __device__ float operator()(float x) const { return f.b * (x * powf(-expm1f(at_most(x, 0.0f)), f.a)); }
    __device__ float operator()(float dy, float x) const {
        const float v = at_most(at_least(x, -kNothing), 0.0f), rest = -expm1f(v);
        const float quotient = rest <= 0.0f ? 1.0f : -v / rest;
        return dy * (f.b * (powf(rest, f.a) * (1.0f + f.a * expf(v) * quotient)));
    }
};

// out[i] = F{f}(in[i]...): the function of one input, the gradient of two.
template <class... In>
void map_kind(int64_t count, const Activation& f, float* out, const In*... in) {
    switch (f.kind) {
        case ActivationKind::silu:
            return map(count, Silu{f}, out, in...);
        case ActivationKind::elu:
            return map(count, Elu{f}, out, in...);
        case ActivationKind::hardswish:
            return map(count, Hardswish{f}, out, in...);
        case ActivationKind::hardsigmoid:
            return map(count, Hardsigmoid{f}, out, in...);
        case ActivationKind::softplus:
            return map(count, Softplus{f}, out, in...);
        case ActivationKind::mish:
            return map(count, Mish{f}, out, in...);
        case ActivationKind::hardtanh:
            return map(count, Hardtanh{f}, out, in...);
        case ActivationKind::negative:
            return map(count, Negative{f}, out, in...);
        case ActivationKind::focal:
            return map(count, Focal{f}, out, in...);
    }
}

}  // namespace
}  // namespace cuda

void activation(int64_t count, const Activation& f, const float* x, float* y) { cuda::map_kind(count, f, y, x); }

void activation_backward(int64_t count, const Activation& f, const float* dy, const float* x, float* dx) {
    cuda::map_kind(count, f, dx, dy, x);
}

}  // namespace pycnn
