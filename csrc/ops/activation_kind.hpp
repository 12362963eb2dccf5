// The functions that the op `activation` chooses from: an enumeration alone, because the kernels of the CPU include it, too.
#pragma once

namespace pycnn {

// With two numbers a and b, of which each kind uses the ones in brackets.
enum class ActivationKind {
    silu,         // x s(x), s the logistic function
    elu,          // [a] x above 0, else a (exp(x) - 1)
    hardswish,    // x min(max(x + 3, 0), 6) / 6
    hardsigmoid,  // min(max(x + 3, 0), 6) / 6
    softplus,     // [a, b] log(1 + exp(a x)) / a, but x where a x > b
    mish,         // x tanh(log(1 + exp(x)))
    hardtanh,     // [a, b] min(max(x, a), b)
    negative,     // min(x, 0)
    focal,        // [a, b] b (1 - exp(x))^a x, of a log-probability x <= 0
};
constexpr int kActivationKinds = 9;

}  // namespace pycnn
