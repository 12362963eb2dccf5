// What the losses of class scores share: the weights of the classes, and the totals over rows.
#pragma once

#include "cuda/sum_in_double.hpp"
#include "ops/softmax_cross_entropy.hpp"

namespace pycnn::cuda {

__device__ inline float class_weight_of(const float* weights, int64_t label) { return weights ? weights[label] : 1.0f; }

__device__ inline float gradient_of(const LossGradient& dloss, int64_t row) {
    return dloss.each ? dloss.each[row] : dloss.same;
}

// A loss, and what the mean divides by.
struct WeightedLoss {
    double loss, weight;

    __device__ WeightedLoss& operator+=(const WeightedLoss& other) {
        loss += other.loss;
        weight += other.weight;
        return *this;
    }
};

// The loss that is reported, from the total.
struct Reduced {
    Reduction reduction;

    double operator()(const WeightedLoss& total) const {
        return reduction == Reduction::mean ? total.loss / total.weight : total.loss;
    }
};

// The weight of a row's target, or 0 where it does not count.
struct TargetWeights {
    const int64_t* target;
    const float* weights;  // of the classes, or null
    int64_t ignored;

    __device__ double operator()(int64_t row) const {
        return target[row] == ignored ? 0.0f : class_weight_of(weights, target[row]);
    }
};

// The divisor of the losses, which stays on the device, where the gradient is computed.
class MeanDivisor {
public:
    MeanDivisor(const CrossEntropy& s, const int64_t* target) : total_(1), mean_(s.reduction == Reduction::mean) {
        if (mean_) sum_in_double(s.N, TargetWeights{target, s.weight, s.ignore_index}, total_.data());
    }
    const double* data() const { return mean_ ? total_.data() : nullptr; }  // null for 1

private:
    Workspace<double> total_;
    bool mean_;
};

}  // namespace pycnn::cuda
