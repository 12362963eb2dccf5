// Losses that are sums over the numbers of an array: squared error, binary cross entropy of logits, and the kinds of `pointwise_loss`,
// whose formulas are in pointwise_formulas.hpp.
#pragma once

#include <cstdint>

#include "ops/reduction.hpp"

namespace pycnn {

// Weights that repeat along an array: number i has weights[i % size]. No weights: ones.
struct RepeatedWeights {
    const float* weights;
    int64_t size;

    double operator[](int64_t i) const { return weights != nullptr ? weights[i % size] : 1.0; }
};

struct BinaryCrossEntropy {
    RepeatedWeights weight, pos_weight;
};

enum class PointwiseKind { l1, smooth_l1, huber, kl_div, kl_div_log, bce, focal, cross_entropy };

// A kind with the numbers that it takes, and the weights of the losses.
struct PointwiseLoss {
    PointwiseKind kind;
    double a, b;
    RepeatedWeights weight;
};

// Return the sum of the losses over `divisor`, and write the losses if `losses` is not null.
double mse_loss(int64_t count, const float* output, const float* target, double divisor, float* losses);
double bce_with_logits(int64_t count, const BinaryCrossEntropy& s, const float* logits, const float* target, double divisor,
                       float* losses);
double pointwise_loss(int64_t count, const PointwiseLoss& s, const float* output, const float* target, double divisor,
                      float* losses);

void mse_loss_backward(int64_t count, const float* output, const float* target, LossGradient dloss, double divisor,
                       float* gradient);
void bce_with_logits_backward(int64_t count, const BinaryCrossEntropy& s, const float* logits, const float* target,
                              LossGradient dloss, double divisor, float* gradient);
void pointwise_loss_backward(int64_t count, const PointwiseLoss& s, const float* output, const float* target,
                             LossGradient dloss, double divisor, float* gradient);

}  // namespace pycnn
