// Losses of rows of C numbers, one for each class, with a target each: negative log-likelihood of log-probabilities, and LeCun's
// maximum a posteriori criterion on distances. And the logarithm of the softmax.
#pragma once

#include <cstdint>

#include "ops/softmax_cross_entropy.hpp"

namespace pycnn {

// y[i][j] = x[i][j] - log(sum over k of exp(x[i][k]))
void log_softmax(int64_t N, int64_t C, const float* x, float* y);
// dx[i][j] = dy[i][j] - exp(y[i][j]) sum over k of dy[i][k]
void log_softmax_backward(int64_t N, int64_t C, const float* dy, const float* y, float* dx);

// Both return the sum or mean of the losses, and write them if `losses` is not null. `s` has no smoothing.
double nll_loss(const CrossEntropy& s, const float* log_probabilities, const int64_t* target, float* losses);
void nll_loss_backward(const CrossEntropy& s, const int64_t* target, LossGradient dloss, float* gradient);

// Y. LeCun et al., "Gradient-based learning applied to document recognition", Proc. IEEE 86, 1998, equation 9:
// d[t] + log(exp(-j) + sum over i of exp(-d[i])).
struct MapLoss {
    int64_t N, C;
    double j;
    Reduction reduction;
};
double map_loss(const MapLoss& s, const float* distances, const int64_t* target, float* losses);
void map_loss_backward(const MapLoss& s, const float* distances, const int64_t* target, LossGradient dloss, float* gradient);

}  // namespace pycnn
