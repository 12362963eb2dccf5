// The kinds of the op `activation` (ops/activation_kind.hpp). Each is a struct made of a and b, with the function of a vector and
// the gradient of a vector x for that of the function's value. NaN passes; infinities yield the limit.
#pragma once

#include "cpu/isa/activation.hpp"

namespace pycnn {
namespace {

// Below, exp(x), x exp(x) and their kin count as zero: exp(x) itself is 0 from -87.3 on. Arguments are held here, so that an
// infinity is not multiplied by zero.
constexpr float kNothing = 104.0f;
inline Vec held(Vec x) { return not_above(not_below(x, -kNothing), kNothing); }

struct Silu {
    Silu(float, float) {}
    // A quotient, because x s(x) is not negligible everywhere where s(x) is.
    Vec operator()(Vec x) const {
        const Vec v = not_below(x, -kNothing);
        return v / (1.0f + exp(-v));
    }
    // s(x) + x s(x) s(-x)
    Vec gradient(Vec dy, Vec x) const {
        const Vec v = held(x), e = exp(-magnitude(v));
        const Vec larger = 1.0f / (1.0f + e), smaller = e * larger;
        return dy * ((v < 0.0f ? smaller : larger) + v * larger * smaller);
    }
};

struct Elu {
    float a;
    Elu(float a, float) : a(a) {}
    Vec operator()(Vec x) const { return x < 0.0f ? a * expm1_below_zero(x) : x; }
    Vec gradient(Vec dy, Vec x) const { return x <= 0.0f ? dy * (a * exp(x)) : dy; }
};

struct Hardswish {
    Hardswish(float, float) {}
    Vec operator()(Vec x) const {
        const Vec v = not_below(x, -3.0f);
        return x >= 3.0f ? x : v * ((v + 3.0f) / 6.0f);
    }
    Vec gradient(Vec dy, Vec x) const {
        const Vec inside = dy * (x / 3.0f + 0.5f);
        return x <= -3.0f ? Vec{} : (x >= 3.0f ? dy : inside);
    }
};

struct Hardsigmoid {
    Hardsigmoid(float, float) {}
    Vec operator()(Vec x) const { return not_above(not_below(x + 3.0f, 0.0f), 6.0f) / 6.0f; }
    Vec gradient(Vec dy, Vec x) const { return x <= -3.0f ? Vec{} : (x >= 3.0f ? Vec{} : dy / 6.0f); }
};

struct Softplus {
    float a, b;
    Softplus(float a, float b) : a(a), b(b) {}
    // max(z, 0) + log(1 + exp(-|z|)) does not overflow.
    Vec operator()(Vec x) const {
        const Vec z = a * x;
        return z > b ? x : (not_below(z, 0.0f) + log1p_to_one(exp(-magnitude(z)))) / a;
    }
    Vec gradient(Vec dy, Vec x) const {
        const Vec z = a * x;
        return z > b ? dy : dy * logistic(z);
    }
};

// With w = exp(x), tanh(log(1 + w)) = w (w + 2) / (w (w + 2) + 2): for x > 0 divided by w^2, so that nothing overflows.
struct Mish {
    struct Parts {
        Vec top, rest;  // the quotient is top / (top + rest)
    };
    Mish(float, float) {}
    static Parts parts(Vec v, Vec e) {
        return {v < 0.0f ? e * (e + 2.0f) : 1.0f + 2.0f * e, v < 0.0f ? broadcast(2.0f) : 2.0f * e * e};
    }
    Vec operator()(Vec x) const {
        const Vec v = not_below(x, -kNothing);
        const Parts p = parts(v, exp(-magnitude(v)));
        return v * (p.top / (p.top + p.rest));
    }
    // t + x s(x) (1 - t) (1 + t), t the quotient
    Vec gradient(Vec dy, Vec x) const {
        const Vec v = held(x), e = exp(-magnitude(v));
        const Parts p = parts(v, e);
        const Vec scale = 1.0f / (p.top + p.rest), t = p.top * scale;
        const Vec s = (v < 0.0f ? e : broadcast(1.0f)) / (1.0f + e);
        return dy * (t + v * s * (p.rest * scale) * (1.0f + t));
    }
};

struct Hardtanh {
    float a, b;
    Hardtanh(float a, float b) : a(a), b(b) {}
    Vec operator()(Vec x) const { return not_above(not_below(x, a), b); }
    Vec gradient(Vec dy, Vec x) const { return x <= a ? Vec{} : (x >= b ? Vec{} : dy); }
};

// What relu leaves out, with the gradient that relu leaves out.
struct Negative {
    Negative(float, float) {}
    Vec operator()(Vec x) const { return x > 0.0f ? Vec{} : x; }
    Vec gradient(Vec dy, Vec x) const { return x > 0.0f ? Vec{} : dy; }
};

struct Focal {
    float a, b;
    Focal(float a, float b) : a(a), b(b) {}
    // rest^a for 0 <= rest <= 1
    Vec factor(Vec rest) const {
        const Vec power = exp(a * log(rest));
        return rest <= 0.0f ? broadcast(a > 0.0f ? 0.0f : 1.0f) : power;
    }
    Vec operator()(Vec x) const { return b * (x * factor(-expm1_below_zero(not_above(x, 0.0f)))); }
    // b rest^a (1 + a exp(x) (-x / rest)) with rest = 1 - exp(x): all positive.
    Vec gradient(Vec dy, Vec x) const {
        const Vec v = not_above(not_below(x, -kNothing), 0.0f), rest = -expm1_below_zero(v);
        const Vec quotient = rest <= 0.0f ? broadcast(1.0f) : -v / rest;
        return dy * (b * (factor(rest) * (1.0f + a * exp(v) * quotient)));
    }
};

template <class Kind>
void activate(int64_t count, float a, float b, const float* x, float* y) {
    const Kind f(a, b);
    map_vectors(count, y, [&](Vec v) { return f(v); }, x);
}

template <class Kind>
void activate_backward(int64_t count, float a, float b, const float* dy, const float* x, float* dx) {
    const Kind f(a, b);
    map_vectors(count, dx, [&](Vec g, Vec v) { return f.gradient(g, v); }, dy, x);
}

template <class Kind>
constexpr void fill_activation_kind(KernelTable& table, ActivationKind kind) {
    table.activation[static_cast<int>(kind)] = activate<Kind>;
    table.activation_backward[static_cast<int>(kind)] = activate_backward<Kind>;
}

constexpr void fill_activation_kinds(KernelTable& table) {
    fill_activation_kind<Silu>(table, ActivationKind::silu);
    fill_activation_kind<Elu>(table, ActivationKind::elu);
    fill_activation_kind<Hardswish>(table, ActivationKind::hardswish);
    fill_activation_kind<Hardsigmoid>(table, ActivationKind::hardsigmoid);
    fill_activation_kind<Softplus>(table, ActivationKind::softplus);
    fill_activation_kind<Mish>(table, ActivationKind::mish);
    fill_activation_kind<Hardtanh>(table, ActivationKind::hardtanh);
    fill_activation_kind<Negative>(table, ActivationKind::negative);
    fill_activation_kind<Focal>(table, ActivationKind::focal);
}

}  // namespace
}  // namespace pycnn
