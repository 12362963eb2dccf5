// Softmax and its cross entropy: a warp for each row.
#include "cuda/class_targets.hpp"
#include "cuda/first_outside.hpp"
#include "cuda/softmax_rows.hpp"
#include "ops/softmax_cross_entropy.hpp"

namespace pycnn {
namespace cuda {
namespace {

__global__ void softmax_kernel(int64_t N, int64_t C, const float* x, float* probabilities) {
    const int lane = lane_of_warp();
    PYCNN_FOR_EACH_ROW(row, N) {
        const float* scores = x + row * C;
        const RowExponentials of_row = row_exponentials(scores, C, lane);
        const float scale = 1.0f / of_row.total;
        for (int64_t j = lane; j < C; j += kWarp) probabilities[row * C + j] = scale * expf(scores[j] - of_row.largest);
    }
}

__global__ void softmax_backward_kernel(int64_t N, int64_t C, const float* dy, const float* probabilities, float* dx) {
    const int lane = lane_of_warp();
    PYCNN_FOR_EACH_ROW(row, N) {
        const int64_t first = row * C;
        LongSum sum;
        for (int64_t j = first + lane; j < first + C; j += kWarp) sum.add(dy[j] * probabilities[j]);
        const float mean = warp_sum(sum.value());
        for (int64_t j = first + lane; j < first + C; j += kWarp) dx[j] = probabilities[j] * (dy[j] - mean);
    }
}

// CrossEntropy with its numbers as floats.
struct LossOfRows {
    int64_t N, C;
    const float* weight;  // or null
    int64_t ignored;
    float kept, spread;  // of the probability: 1 - label_smoothing for the label, label_smoothing / C for each class

    explicit LossOfRows(const CrossEntropy& s)
        : N(s.N),
          C(s.C),
          weight(s.weight),
          ignored(s.ignore_index),
          kept(static_cast<float>(1 - s.label_smoothing)),
          spread(static_cast<float>(s.label_smoothing / static_cast<double>(s.C))) {}
};

// (1 - e) w[t] (z - x[t]) + e / C * sum of w[j] (z - x[j]), with z = largest + log(sum(exp(x - largest))): the largest is taken
// from x[j] first, because both may be far from zero.
__global__ void cross_entropy_kernel(LossOfRows s, const float* logits, const int64_t* target, float* probabilities,
                                     float* losses) {
    const int lane = lane_of_warp();
    PYCNN_FOR_EACH_ROW(row, s.N) {
        const float* x = logits + row * s.C;
        const RowExponentials of_row = row_exponentials(x, s.C, lane);
        const float scale = 1.0f / of_row.total, log_total = logf(of_row.total);
        LongSum of_lane;
        for (int64_t j = lane; j < s.C; j += kWarp) {
            const float distance = of_row.largest - x[j];
            probabilities[row * s.C + j] = scale * expf(-distance);
            if (s.spread > 0.0f) of_lane.add(class_weight_of(s.weight, j) * (log_total + distance));
        }
        const float nll = warp_sum(of_lane.value());
        const int64_t label = target[row];
        if (lane == 0 && label == s.ignored) losses[row] = 0.0f;
        if (lane == 0 && label != s.ignored) {
            const float loss = s.kept * class_weight_of(s.weight, label) * (log_total + (of_row.largest - x[label]));
            losses[row] = s.spread > 0.0f ? loss + s.spread * nll : loss;
        }
    }
}

// dloss * ((1 - e) w[t] (p[j] - [j = t]) + e / C (W p[j] - w[j])), W the sum of the class weights; null pointers are ones.
__global__ void cross_entropy_backward_kernel(LossOfRows s, const float* probabilities, const int64_t* target,
                                              LossGradient dloss, const double* divisor, const double* all_weights,
                                              float* dlogits) {
    const float by = divisor ? static_cast<float>(*divisor) : 1.0f;
    const float all = all_weights ? static_cast<float>(*all_weights) : static_cast<float>(s.C);
    const int lane = lane_of_warp();
    PYCNN_FOR_EACH_ROW(row, s.N) {
        const int64_t label = target[row];
        const bool counts = label != s.ignored;
        const float scale = gradient_of(dloss, row) / by;
        const float hit = counts ? s.kept * class_weight_of(s.weight, label) : 0.0f;
        for (int64_t j = lane; j < s.C; j += kWarp) {
            const float p = probabilities[row * s.C + j];
            float slope = hit * (j == label ? p - 1.0f : p);
            if (s.spread > 0.0f) slope += s.spread * (all * p - class_weight_of(s.weight, j));
            dlogits[row * s.C + j] = counts ? scale * slope : 0.0f;
        }
    }
}

struct RowLosses {
    const float* losses;
    TargetWeights weights;

    __device__ WeightedLoss operator()(int64_t row) const { return {losses[row], weights(row)}; }
};

struct ClassWeights {
    const float* weights;

    __device__ double operator()(int64_t label) const { return weights[label]; }
};

}  // namespace
}  // namespace cuda

void softmax(int64_t N, int64_t C, const float* x, float* probabilities) {
    using namespace cuda;
    launch(softmax_kernel, blocks_for_rows(N), kThreads, 0, current_stream(), N, C, x, probabilities);
}

void softmax_backward(int64_t N, int64_t C, const float* dy, const float* probabilities, float* dx) {
    using namespace cuda;
    launch(softmax_backward_kernel, blocks_for_rows(N), kThreads, 0, current_stream(), N, C, dy, probabilities, dx);
}

void check_targets(const char* op, int64_t N, int64_t C, std::optional<int64_t> ignored, const int64_t* target) {
    using namespace cuda;
    before_replay({target, C}, [=] {
        const int64_t wrong = first_outside(N, target, C - 1, ignored);
        if (wrong < N) fail_target(op, wrong, number_at(target, wrong), C);
    });
}

double softmax_cross_entropy(const CrossEntropy& s, const float* logits, const int64_t* target, float* probabilities,
                             float* losses) {
    using namespace cuda;
    const Workspace<float> own(losses ? 0 : s.N);
    if (!losses) losses = own.data();
    launch(cross_entropy_kernel, blocks_for_rows(s.N), kThreads, 0, current_stream(), LossOfRows(s), logits, target,
           probabilities, losses);
    const RowLosses rows{losses, {target, s.weight, s.ignore_index}};
    return loss_from_sum<WeightedLoss>(s.N, rows, Reduced{s.reduction});
}

void softmax_cross_entropy_backward(const CrossEntropy& s, const float* probabilities, const int64_t* target,
                                    LossGradient dloss, float* dlogits) {
    using namespace cuda;
    const MeanDivisor divisor(s, target);
    const bool weighs_all = s.weight && s.label_smoothing > 0;
    const Workspace<double> all_weights(1);
    if (weighs_all) sum_in_double(s.C, ClassWeights{s.weight}, all_weights.data());
    launch(cross_entropy_backward_kernel, blocks_for_rows(s.N), kThreads, 0, current_stream(), LossOfRows(s), probabilities,
           target, dloss, divisor.data(), weighs_all ? all_weights.data() : nullptr, dlogits);
}

}  // namespace pycnn
