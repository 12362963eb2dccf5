#include "ops/pointwise_loss.hpp"

#include <cmath>

#include "core/memory.hpp"
#include "core/shape.hpp"
#include "cpu/chunks.hpp"
#include "ops/pointwise_formulas.hpp"

namespace pycnn {
namespace {

// Everything is computed in double: an exponential and its logarithm cost about sixty multiply-adds.
constexpr double kSquareWork = 2, kLogisticWork = 60;

// Sum of loss(i) over an array: first within each chunk, then over the chunks in order.
template <class F>
double sum_of_losses(int64_t count, double work, float* losses, F&& loss) {
    const int64_t chunks = ceil_div(count, kChunk);
    const Workspace<double> totals(chunks);
    const auto chunk = [&](int64_t begin, int64_t length) {
        double total = 0;
        for (int64_t i = begin; i < begin + length; ++i) {
            const double value = loss(i);
            if (losses != nullptr) losses[i] = static_cast<float>(value);
            total += value;
        }
        totals.data()[begin / kChunk] = total;
    };
    for_chunks(count, chunk, work);
    double total = 0;
    for (int64_t i = 0; i < chunks; ++i) total += totals.data()[i];
    return total;
}

template <class F>
void write_gradient(int64_t count, double work, float* gradient, F&& slope) {
    const auto chunk = [&](int64_t begin, int64_t length) {
        for (int64_t i = begin; i < begin + length; ++i) gradient[i] = static_cast<float>(slope(i));
    };
    for_chunks(count, chunk, work);
}

// log(1 + exp(x)), without overflow, and with all digits when it is small.
double softplus(double x) { return (x > 0 ? x : 0) + std::log1p(std::exp(-std::abs(x))); }

// Errors cost no more than squares; the others take exponentials, logarithms and powers.
double work_of(PointwiseKind kind) {
    switch (kind) {
        case PointwiseKind::l1:
        case PointwiseKind::smooth_l1:
        case PointwiseKind::huber:
        case PointwiseKind::cross_entropy:
            return kSquareWork;
        default:
            return kLogisticWork;
    }
}

// 1 / (1 + exp(-x))
double logistic(double x) {
    const double e = std::exp(-std::abs(x));
    return (x < 0 ? e : 1) / (1 + e);
}

}  // namespace

double mse_loss(int64_t count, const float* output, const float* target, double divisor, float* losses) {
    const double total = sum_of_losses(count, kSquareWork, losses, [=](int64_t i) {
        const double difference = static_cast<double>(output[i]) - target[i];
        return difference * difference;
    });
    return total / divisor;
}

void mse_loss_backward(int64_t count, const float* output, const float* target, LossGradient dloss, double divisor,
                       float* gradient) {
    write_gradient(count, kSquareWork, gradient,
                   [=](int64_t i) { return 2 * dloss[i] / divisor * (static_cast<double>(output[i]) - target[i]); });
}

// Both terms are positive for targets in [0, 1]: nothing cancels.
double bce_with_logits(int64_t count, const BinaryCrossEntropy& s, const float* logits, const float* target, double divisor,
                       float* losses) {
    const double total = sum_of_losses(count, kLogisticWork, losses, [=](int64_t i) {
        const double x = logits[i], t = target[i];
        return s.weight[i] * (part(s.pos_weight[i] * t, softplus(-x)) + part(1 - t, softplus(x)));
    });
    return total / divisor;
}

void bce_with_logits_backward(int64_t count, const BinaryCrossEntropy& s, const float* logits, const float* target,
                              LossGradient dloss, double divisor, float* gradient) {
    write_gradient(count, kLogisticWork, gradient, [=](int64_t i) {
        const double x = logits[i], t = target[i];
        return dloss[i] / divisor * s.weight[i] * ((1 - t) * logistic(x) - s.pos_weight[i] * t * logistic(-x));
    });
}

double pointwise_loss(int64_t count, const PointwiseLoss& s, const float* output, const float* target, double divisor,
                      float* losses) {
    return with_formula(s, [&](const auto& formula) {
        const double total = sum_of_losses(count, work_of(s.kind), losses,
                                           [&](int64_t i) { return s.weight[i] * formula.loss(output[i], target[i]); });
        return total / divisor;
    });
}

void pointwise_loss_backward(int64_t count, const PointwiseLoss& s, const float* output, const float* target,
                             LossGradient dloss, double divisor, float* gradient) {
    with_formula(s, [&](const auto& formula) {
        write_gradient(count, work_of(s.kind), gradient,
                       [&](int64_t i) { return dloss[i] / divisor * s.weight[i] * formula.slope(output[i], target[i]); });
    });
}

}  // namespace pycnn
