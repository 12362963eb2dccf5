// Squared error and binary cross entropy of logits, a thread for each number.
//
// In double, because the ops promise the exact loss, rounded once, and squares of floats can leave the range of float. Even
// where double is 64 times as slow as float, squared errors take about as long as reading the numbers. Binary cross entropy
// then takes some twenty times as long, but its numbers are the last and fewest of a network.
#include "cuda/sum_in_double.hpp"
#include "ops/pointwise_formulas.hpp"

namespace pycnn {
namespace cuda {
namespace {

__device__ double gradient_of(const LossGradient& dloss, int64_t i) { return dloss.each ? dloss.each[i] : dloss.same; }

__device__ double weight_of(const RepeatedWeights& w, int64_t i) { return w.weights ? w.weights[i % w.size] : 1.0; }

struct SquaredErrors {
    const float *output, *target;
    float* losses;  // or null

    __device__ double operator()(int64_t i) const {
        const double difference = static_cast<double>(output[i]) - target[i], loss = difference * difference;
        if (losses) losses[i] = static_cast<float>(loss);
        return loss;
    }
};

__global__ void mse_backward_kernel(int64_t count, const float* output, const float* target, LossGradient dloss, double scale,
                                    float* gradient) {
    PYCNN_FOR_EACH_ELEMENT(i, count)
    gradient[i] = static_cast<float>(scale * gradient_of(dloss, i) * (static_cast<double>(output[i]) - target[i]));
}

// softplus(x) = log(1 + exp(x)) is max(x, 0) + log(1 + exp(-|x|)): no overflow, and all digits where it is small. Both terms of
// the loss are positive for targets in [0, 1]: nothing cancels.
struct BinaryCrossEntropies {
    BinaryCrossEntropy s;
    const float *logits, *target;
    float* losses;  // or null

    __device__ double operator()(int64_t i) const {
        const double x = logits[i], t = target[i], rest = log1p(exp(-fabs(x)));
        const double yes = (x < 0 ? -x : 0) + rest, no = (x > 0 ? x : 0) + rest;
        const double loss = weight_of(s.weight, i) * (part(weight_of(s.pos_weight, i) * t, yes) + part(1 - t, no));
        if (losses) losses[i] = static_cast<float>(loss);
        return loss;
    }
};

// dloss w ((1 - t) logistic(x) - p t logistic(-x)), both from exp(-|x|).
__global__ void bce_backward_kernel(int64_t count, BinaryCrossEntropy s, const float* logits, const float* target,
                                    LossGradient dloss, double divisor, float* gradient) {
    PYCNN_FOR_EACH_ELEMENT(i, count) {
        const double x = logits[i], t = target[i], e = exp(-fabs(x)), large = 1 / (1 + e), small = e * large;
        const double yes = weight_of(s.pos_weight, i) * t * (x < 0 ? large : small), no = (1 - t) * (x < 0 ? small : large);
        gradient[i] = static_cast<float>(gradient_of(dloss, i) / divisor * weight_of(s.weight, i) * (no - yes));
    }
}

template <class Formula>
struct PointwiseLosses {
    Formula formula;
    RepeatedWeights weight;
    const float *output, *target;
    float* losses;  // or null

    __device__ double operator()(int64_t i) const {
        const double loss = weight_of(weight, i) * formula.loss(output[i], target[i]);
        if (losses) losses[i] = static_cast<float>(loss);
        return loss;
    }
};

template <class Formula>
__global__ void pointwise_backward_kernel(int64_t count, Formula formula, RepeatedWeights weight, const float* output,
                                          const float* target, LossGradient dloss, double divisor, float* gradient) {
    PYCNN_FOR_EACH_ELEMENT(i, count) {
        const double slope = weight_of(weight, i) * formula.slope(output[i], target[i]);
        gradient[i] = static_cast<float>(gradient_of(dloss, i) / divisor * slope);
    }
}

}  // namespace
}  // namespace cuda

double mse_loss(int64_t count, const float* output, const float* target, double divisor, float* losses) {
    using namespace cuda;
    return loss_from_sum<double>(count, SquaredErrors{output, target, losses}, [=](double total) { return total / divisor; });
}

void mse_loss_backward(int64_t count, const float* output, const float* target, LossGradient dloss, double divisor,
                       float* gradient) {
    using namespace cuda;
    launch(mse_backward_kernel, blocks_for(count), kThreads, 0, current_stream(), count, output, target, dloss, 2 / divisor,
           gradient);
}

double bce_with_logits(int64_t count, const BinaryCrossEntropy& s, const float* logits, const float* target, double divisor,
                       float* losses) {
    using namespace cuda;
    return loss_from_sum<double>(count, BinaryCrossEntropies{s, logits, target, losses},
                                 [=](double total) { return total / divisor; });
}

void bce_with_logits_backward(int64_t count, const BinaryCrossEntropy& s, const float* logits, const float* target,
                              LossGradient dloss, double divisor, float* gradient) {
    using namespace cuda;
    launch(bce_backward_kernel, blocks_for(count), kThreads, 0, current_stream(), count, s, logits, target, dloss, divisor,
           gradient);
}

double pointwise_loss(int64_t count, const PointwiseLoss& s, const float* output, const float* target, double divisor,
                      float* losses) {
    using namespace cuda;
    return with_formula(s, [&](const auto& formula) {
        using Formula = std::decay_t<decltype(formula)>;
        const PointwiseLosses<Formula> each{formula, s.weight, output, target, losses};
        return loss_from_sum<double>(count, each, [=](double total) { return total / divisor; });
    });
}

void pointwise_loss_backward(int64_t count, const PointwiseLoss& s, const float* output, const float* target,
                             LossGradient dloss, double divisor, float* gradient) {
    using namespace cuda;
    with_formula(s, [&](const auto& formula) {
        using Formula = std::decay_t<decltype(formula)>;
        launch(pointwise_backward_kernel<Formula>, blocks_for(count), kThreads, 0, current_stream(), count, formula, s.weight,
               output, target, dloss, divisor, gradient);
    });
}

}  // namespace pycnn
