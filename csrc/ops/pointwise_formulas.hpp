// The formulas of the op `pointwise_loss`, for both back-ends: the loss of an output o and a target t, and its slope in o. In double.
#pragma once

#include <cmath>

#include "core/host_device.hpp"
#include "ops/pointwise_loss.hpp"

namespace pycnn {

// A factor of 0 yields 0, even times infinity.
PYCNN_HOST_DEVICE inline double part(double factor, double value) { return factor == 0 ? 0 : factor * value; }

struct AbsoluteError {
    PYCNN_HOST_DEVICE double loss(double o, double t) const { return fabs(o - t); }
    PYCNN_HOST_DEVICE double slope(double o, double t) const { return sign(o - t); }
    // 0 of 0, NaN of NaN
    PYCNN_HOST_DEVICE static double sign(double d) { return d > 0 ? 1 : (d < 0 ? -1 : d); }
};

// A parabola up to |o - t| = `width`, then straight lines of the slope `steepness`.
struct RoundedError {
    double width, steepness;
    PYCNN_HOST_DEVICE double loss(double o, double t) const {
        const double d = fabs(o - t);
        return steepness * (d < width ? d * d / (2 * width) : d - width / 2);
    }
    PYCNN_HOST_DEVICE double slope(double o, double t) const {
        const double d = o - t;
        return steepness * (fabs(d) < width ? d / width : AbsoluteError::sign(d));
    }
};

// o is the logarithm of a probability; t is a probability.
struct Divergence {
    PYCNN_HOST_DEVICE double loss(double o, double t) const { return part(t, log(t) - o); }
    PYCNN_HOST_DEVICE double slope(double, double t) const { return -t; }
};

// t is the logarithm of a probability, too.
struct LogDivergence {
    PYCNN_HOST_DEVICE double loss(double o, double t) const { return part(exp(t), t - o); }
    PYCNN_HOST_DEVICE double slope(double, double t) const { return -exp(t); }
};

// o is a probability. Logarithms are at least -100, and the slope's denominator at least 1e-12, as in PyTorch.
struct ProbabilityEntropy {
    PYCNN_HOST_DEVICE static double held(double logarithm) { return logarithm < -100 ? -100 : logarithm; }
    PYCNN_HOST_DEVICE double loss(double o, double t) const { return -(part(t, held(log(o))) + part(1 - t, held(log1p(-o)))); }
    PYCNN_HOST_DEVICE double slope(double o, double t) const {
        const double square = o * (1 - o);
        return (o - t) / (square < 1e-12 ? 1e-12 : square);
    }
};

// o is a logit. With its cross entropy h and the probability q that it gives to the wrong answer: balance q^gamma h, where the
// balance is alpha for yes and 1 - alpha for no, or 1 if alpha is negative.
struct LogitFocus {
    double alpha, gamma;
    struct Parts {
        double yes, no;  // probabilities
        double entropy, wrong, balance;
    };
    PYCNN_HOST_DEVICE Parts parts(double o, double t) const {
        const double e = exp(-fabs(o)), rest = log1p(e), large = 1 / (1 + e), small = e * large;
        const double yes = o < 0 ? small : large, no = o < 0 ? large : small;
        return {yes, no, part(t, (o < 0 ? -o : 0) + rest) + part(1 - t, (o > 0 ? o : 0) + rest), t * no + (1 - t) * yes,
                alpha < 0 ? 1 : alpha * t + (1 - alpha) * (1 - t)};
    }
    PYCNN_HOST_DEVICE double loss(double o, double t) const {
        const Parts p = parts(o, t);
        return p.balance * part(pow(p.wrong, gamma), p.entropy);
    }
    // h' = yes - t, and q' = (1 - 2 t) yes no
    PYCNN_HOST_DEVICE double slope(double o, double t) const {
        const Parts p = parts(o, t);
        const double entropy_part = pow(p.wrong, gamma) * ((1 - t) * p.yes - t * p.no);
        const double wrong_part = part(gamma * (1 - 2 * t) * p.yes * p.no, pow(p.wrong, gamma - 1) * p.entropy);
        return p.balance * (entropy_part + wrong_part);
    }
};

// o is the logarithm of a probability; of the target t the share `kept` counts, and `spread` is added.
struct ShareEntropy {
    double kept, spread;
    PYCNN_HOST_DEVICE double loss(double o, double t) const { return part(-(kept * t + spread), o); }
    PYCNN_HOST_DEVICE double slope(double, double t) const { return -(kept * t + spread); }
};

// Returns f(the formula of s).
template <class F>
auto with_formula(const PointwiseLoss& s, F&& f) {
    switch (s.kind) {
        case PointwiseKind::l1:
            return f(AbsoluteError{});
        case PointwiseKind::smooth_l1:
            return f(RoundedError{s.a, 1});
        case PointwiseKind::huber:
            return f(RoundedError{s.a, s.a});
        case PointwiseKind::kl_div:
            return f(Divergence{});
        case PointwiseKind::kl_div_log:
            return f(LogDivergence{});
        case PointwiseKind::bce:
            return f(ProbabilityEntropy{});
        case PointwiseKind::focal:
            return f(LogitFocus{s.a, s.b});
        default:
            return f(ShareEntropy{1 - s.a, s.b});
    }
}

}  // namespace pycnn
