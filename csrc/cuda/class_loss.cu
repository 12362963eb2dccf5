// Losses of class scores, and the logarithm of the softmax: a warp for each row.
#include "cuda/class_targets.hpp"
#include "cuda/compensated_sum.hpp"
#include "cuda/softmax_rows.hpp"
#include "ops/class_loss.hpp"

namespace pycnn {
namespace cuda {
namespace {

// x - largest - log_total as if rounded once: far below the largest score, the error of the difference is as large as that of
// the result.
__device__ float log_probability(float x, float largest, float log_total) {
    const float difference = x - largest;
    return difference - (log_total - (difference > -INFINITY ? lost(x, -largest, difference) : 0.0f));
}

__global__ void log_softmax_kernel(int64_t N, int64_t C, const float* x, float* y) {
    const int lane = lane_of_warp();
    PYCNN_FOR_EACH_ROW(row, N) {
        const RowExponentials of_row = row_exponentials(x + row * C, C, lane);
        const float log_total = logf(of_row.total);
        for (int64_t j = row * C + lane; j < (row + 1) * C; j += kWarp) y[j] = log_probability(x[j], of_row.largest, log_total);
    }
}

__global__ void log_softmax_backward_kernel(int64_t N, int64_t C, const float* dy, const float* y, float* dx) {
    const int lane = lane_of_warp();
    PYCNN_FOR_EACH_ROW(row, N) {
        LongSum sum;
        for (int64_t j = row * C + lane; j < (row + 1) * C; j += kWarp) sum.add(dy[j]);
        const float total = warp_sum(sum.value());
        for (int64_t j = row * C + lane; j < (row + 1) * C; j += kWarp) dx[j] = dy[j] - total * expf(y[j]);
    }
}

// A product for each row, in double like the total.
struct NllTerms {
    int64_t C;
    const float* log_probabilities;
    TargetWeights weights;
    float* losses;  // or null

    __device__ WeightedLoss operator()(int64_t row) const {
        const int64_t label = weights.target[row];
        const double weight = weights(row);
        const double loss = label == weights.ignored ? 0.0 : -weight * log_probabilities[row * C + label];
        if (losses) losses[row] = static_cast<float>(loss);
        return {loss, weight};
    }
};

// In double, as on the CPU: the weight may be rounded to float only after the division.
__global__ void nll_backward_kernel(int64_t N, int64_t C, TargetWeights weights, LossGradient dloss, const double* divisor,
                                    float* gradient) {
    PYCNN_FOR_EACH_ELEMENT(row, N) {
        const int64_t label = weights.target[row];
        const double slope = gradient_of(dloss, row) * weights(row) / (divisor ? *divisor : 1.0);
        if (label != weights.ignored) gradient[row * C + label] = static_cast<float>(-slope);
    }
}

// exp(-j) + sum of exp(-d[i]), without the factor exp(-least), least the smallest of j and all d: nothing overflows, and the
// sum is at least 1. In double, because 1 - exp(least - d) / sum is the gradient of the right class and cancels; this loss has
// few classes, and its rows are those of a batch.
struct Competition {
    double least, sum;
};

__device__ Competition competition(double j, const float* d, int64_t C, int lane) {
    float smallest = INFINITY;
    for (int64_t i = lane; i < C; i += kWarp) smallest = d[i] < smallest ? d[i] : smallest;
    smallest = -warp_max(-smallest);
    const double least = smallest < j ? smallest : j;
    double sum = 0.0;
    for (int64_t i = lane; i < C; i += kWarp) sum += exp(least - d[i]);
    return {least, exp(least - j) + warp_sum(sum)};
}

__global__ void map_loss_kernel(MapLoss s, const float* distances, const int64_t* target, double* rows, float* losses) {
    const int lane = lane_of_warp();
    PYCNN_FOR_EACH_ROW(row, s.N) {
        const float* d = distances + row * s.C;
        const Competition others = competition(s.j, d, s.C, lane);
        if (lane == 0) {
            rows[row] = (d[target[row]] - others.least) + log(others.sum);
            if (losses) losses[row] = static_cast<float>(rows[row]);
        }
    }
}

// [k = t] - exp(-d[k]) / (exp(-j) + sum of exp(-d[i]))
__global__ void map_loss_backward_kernel(MapLoss s, const float* distances, const int64_t* target, LossGradient dloss,
                                         double divisor, float* gradient) {
    const int lane = lane_of_warp();
    PYCNN_FOR_EACH_ROW(row, s.N) {
        const float* d = distances + row * s.C;
        const Competition others = competition(s.j, d, s.C, lane);
        const double scale = gradient_of(dloss, row) / divisor;
        for (int64_t k = lane; k < s.C; k += kWarp) {
            const double share = exp(others.least - d[k]) / others.sum;
            gradient[row * s.C + k] = static_cast<float>(scale * ((k == target[row] ? 1.0 : 0.0) - share));
        }
    }
}

struct Rows {
    const double* losses;

    __device__ double operator()(int64_t row) const { return losses[row]; }
};

}  // namespace
}  // namespace cuda

void log_softmax(int64_t N, int64_t C, const float* x, float* y) {
    using namespace cuda;
    launch(log_softmax_kernel, blocks_for_rows(N), kThreads, 0, current_stream(), N, C, x, y);
}

void log_softmax_backward(int64_t N, int64_t C, const float* dy, const float* y, float* dx) {
    using namespace cuda;
    launch(log_softmax_backward_kernel, blocks_for_rows(N), kThreads, 0, current_stream(), N, C, dy, y, dx);
}

double nll_loss(const CrossEntropy& s, const float* log_probabilities, const int64_t* target, float* losses) {
    using namespace cuda;
    const NllTerms terms{s.C, log_probabilities, {target, s.weight, s.ignore_index}, losses};
    return loss_from_sum<WeightedLoss>(s.N, terms, Reduced{s.reduction});
}

void nll_loss_backward(const CrossEntropy& s, const int64_t* target, LossGradient dloss, float* gradient) {
    using namespace cuda;
    const MeanDivisor divisor(s, target);
    fill_zeros(gradient, static_cast<size_t>(s.N * s.C) * sizeof(float));
    launch(nll_backward_kernel, blocks_for(s.N), kThreads, 0, current_stream(), s.N, s.C,
           TargetWeights{target, s.weight, s.ignore_index}, dloss, divisor.data(), gradient);
}

double map_loss(const MapLoss& s, const float* distances, const int64_t* target, float* losses) {
    using namespace cuda;
    const Workspace<double> rows(s.N);
    launch(map_loss_kernel, blocks_for_rows(s.N), kThreads, 0, current_stream(), s, distances, target, rows.data(), losses);
    const double divisor = s.reduction == Reduction::mean ? static_cast<double>(s.N) : 1.0;
    return loss_from_sum<double>(s.N, Rows{rows.data()}, [divisor](double total) { return total / divisor; });
}

void map_loss_backward(const MapLoss& s, const float* distances, const int64_t* target, LossGradient dloss, float* gradient) {
    using namespace cuda;
    const double divisor = s.reduction == Reduction::mean ? static_cast<double>(s.N) : 1.0;
    launch(map_loss_backward_kernel, blocks_for_rows(s.N), kThreads, 0, current_stream(), s, distances, target, dloss, divisor,
           gradient);
}

}  // namespace pycnn
