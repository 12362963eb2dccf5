#include "ops/softmax_cross_entropy.hpp"

#include <algorithm>
#include <cmath>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/row_blocks.hpp"

namespace pycnn {
namespace {

double total_weight(const CrossEntropy& s) {
    double total = 0;
    for (int64_t j = 0; j < s.C; ++j) total += class_weight(s, j);
    return total;
}

// (1 - e) w[t] (z - x[t]) + e / C * sum of w[j] (z - x[j]), with z = largest + log(sum(exp(x - largest))).
double row_loss(const CrossEntropy& s, const float* x, int64_t label, float largest, float total) {
    const double log_total = std::log(static_cast<double>(total));
    double loss = (1 - s.label_smoothing) * class_weight(s, label) * (largest + log_total - x[label]);
    if (s.label_smoothing > 0) {
        const float all = kernels().weighted_nll(s.C, x, s.weight, largest, static_cast<float>(log_total));
        loss += s.label_smoothing / static_cast<double>(s.C) * all;
    }
    return loss;
}

}  // namespace

void softmax(int64_t N, int64_t C, const float* x, float* probabilities) {
    const KernelTable& table = kernels();
    parallel_ranges(N, block_of_rows(C), static_cast<double>(C) * kExponentialWork, [&](int64_t begin, int64_t end) {
        float largest[kMostRows], total[kMostRows];
        table.softmax(end - begin, C, x + begin * C, probabilities + begin * C, largest, total);
    });
}

void softmax_backward(int64_t N, int64_t C, const float* dy, const float* probabilities, float* dx) {
    const KernelTable& table = kernels();
    parallel_ranges(N, block_of_rows(C), 2 * static_cast<double>(C), [&](int64_t begin, int64_t end) {
        table.softmax_backward(end - begin, C, dy + begin * C, probabilities + begin * C, dx + begin * C);
    });
}

void check_targets(const char* op, int64_t N, int64_t C, std::optional<int64_t> ignored, const int64_t* target) {
    for (int64_t i = 0; i < N; ++i)
        if ((target[i] < 0 || target[i] >= C) && target[i] != ignored) fail_target(op, i, target[i], C);
}

double class_weight(const CrossEntropy& s, int64_t label) { return s.weight ? s.weight[label] : 1.0; }

double mean_divisor(const CrossEntropy& s, const int64_t* target) {
    double total = 0;
    for (int64_t i = 0; i < s.N; ++i)
        if (target[i] != s.ignore_index) total += class_weight(s, target[i]);
    return total;
}

double softmax_cross_entropy(const CrossEntropy& s, const float* logits, const int64_t* target, float* probabilities,
                             float* losses) {
    const Workspace<double> row_losses(s.N);
    const KernelTable& table = kernels();
    parallel_ranges(s.N, block_of_rows(s.C), static_cast<double>(s.C) * kExponentialWork, [&](int64_t begin, int64_t end) {
        float largest[kMostRows], totals[kMostRows];
        table.softmax(end - begin, s.C, logits + begin * s.C, probabilities + begin * s.C, largest, totals);
        for (int64_t i = begin; i < end; ++i) {
            const bool counts = target[i] != s.ignore_index;
            row_losses.data()[i] =
                counts ? row_loss(s, logits + i * s.C, target[i], largest[i - begin], totals[i - begin]) : 0.0;
        }
    });
    double total = 0;
    for (int64_t i = 0; i < s.N; ++i) {
        if (losses != nullptr) losses[i] = static_cast<float>(row_losses.data()[i]);
        total += row_losses.data()[i];
    }
    return s.reduction == Reduction::mean ? total / mean_divisor(s, target) : total;
}

// d/dx[j] = dloss * ((1 - e) w[t] (p[j] - [j = t]) + e / C (W p[j] - w[j])), W the sum of the class weights.
void softmax_cross_entropy_backward(const CrossEntropy& s, const float* probabilities, const int64_t* target,
                                    LossGradient dloss, float* dlogits) {
    const double divisor = s.reduction == Reduction::mean ? mean_divisor(s, target) : 1.0;
    const double all_weights = total_weight(s), smooth = s.label_smoothing / static_cast<double>(s.C);
    const KernelTable& table = kernels();
    parallel_ranges(s.N, block_of_rows(s.C), static_cast<double>(s.C), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const float* p = probabilities + i * s.C;
            float* dx = dlogits + i * s.C;
            if (target[i] == s.ignore_index) {
                std::fill_n(dx, s.C, 0.0f);
                continue;
            }
            const double scale = dloss[i] / divisor;
            const double hit = (1 - s.label_smoothing) * class_weight(s, target[i]);
            const double by_probability = hit + smooth * all_weights;
            table.softmax_gradient(s.C, p, s.weight, static_cast<float>(scale * by_probability),
                                   static_cast<float>(scale * smooth), dx);
            // The target class, where p - 1 may cancel, in double.
            const int64_t t = target[i];
            const double direct = hit * (p[t] - 1.0);
            dx[t] = static_cast<float>(scale * (direct + smooth * (all_weights * p[t] - class_weight(s, t))));
        }
    });
}

}  // namespace pycnn
