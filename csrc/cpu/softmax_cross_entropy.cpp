#include "cpu/softmax_cross_entropy.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"

namespace pycnn {
namespace {

// An exponential and a logarithm cost about twenty multiply-adds.
constexpr int64_t kWorkPerElement = 20;

// Writes softmax(x) and returns log(sum(exp(x))), both shifted by the maximum so that nothing overflows. The sum is taken
// in double.
double softmax_row(int64_t C, const float* x, float* probabilities) {
    float largest = x[0];
    for (int64_t j = 1; j < C; ++j) largest = x[j] > largest ? x[j] : largest;
    double total = 0;
    for (int64_t j = 0; j < C; ++j) {
        probabilities[j] = std::exp(x[j] - largest);
        total += probabilities[j];
    }
    const float scale = static_cast<float>(1 / total);
    for (int64_t j = 0; j < C; ++j) probabilities[j] *= scale;
    return largest + std::log(total);
}

double weight_of(const CrossEntropy& s, int64_t label) { return s.weight ? s.weight[label] : 1.0; }

double total_weight(const CrossEntropy& s) {
    double total = 0;
    for (int64_t j = 0; j < s.C; ++j) total += weight_of(s, j);
    return total;
}

// What 'mean' divides by: the weights of the targets that count.
double mean_divisor(const CrossEntropy& s, const int64_t* target) {
    double total = 0;
    for (int64_t i = 0; i < s.N; ++i)
        if (target[i] != s.ignore_index) total += weight_of(s, target[i]);
    return total;
}

// (1 - e) w[t] (z - x[t]) + e / C * sum of w[j] (z - x[j]), with z = log(sum(exp(x))).
double row_loss(const CrossEntropy& s, const float* x, int64_t label, double log_sum) {
    double loss = (1 - s.label_smoothing) * weight_of(s, label) * (log_sum - x[label]);
    if (s.label_smoothing > 0) {
        double smooth = 0;
        for (int64_t j = 0; j < s.C; ++j) smooth += weight_of(s, j) * (log_sum - x[j]);
        loss += s.label_smoothing / static_cast<double>(s.C) * smooth;
    }
    return loss;
}

constexpr int64_t kRowsPerTask = 64;

}  // namespace

void softmax(int64_t N, int64_t C, const float* x, float* probabilities) {
    parallel_ranges(N, kRowsPerTask, C * kWorkPerElement, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) softmax_row(C, x + i * C, probabilities + i * C);
    });
}

void check_targets(const char* op, const CrossEntropy& s, const int64_t* target) {
    for (int64_t i = 0; i < s.N; ++i)
        if ((target[i] < 0 || target[i] >= s.C) && target[i] != s.ignore_index)
            fail_value(op, "target[", i, "] is ", target[i], ", outside 0..", s.C - 1, " (", s.C, " classes)");
}

double softmax_cross_entropy(const CrossEntropy& s, const float* logits, const int64_t* target, float* probabilities,
                             float* losses) {
    const Buffer<double> row_losses(s.N);
    parallel_ranges(s.N, kRowsPerTask, s.C * kWorkPerElement, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const float* x = logits + i * s.C;
            const double log_sum = softmax_row(s.C, x, probabilities + i * s.C);
            row_losses.data()[i] = target[i] == s.ignore_index ? 0.0 : row_loss(s, x, target[i], log_sum);
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
                                    const float* dloss, float* dlogits) {
    const double divisor = s.reduction == Reduction::mean ? mean_divisor(s, target) : 1.0;
    const double all_weights = total_weight(s), smooth = s.label_smoothing / static_cast<double>(s.C);
    parallel_ranges(s.N, kRowsPerTask, s.C, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const float* p = probabilities + i * s.C;
            float* dx = dlogits + i * s.C;
            if (target[i] == s.ignore_index) {
                std::fill_n(dx, s.C, 0.0f);
                continue;
            }
            const double scale = dloss[s.reduction == Reduction::none ? i : 0] / divisor;
            const double hit = (1 - s.label_smoothing) * weight_of(s, target[i]);
            for (int64_t j = 0; j < s.C; ++j) {
                const double direct = hit * (p[j] - (j == target[i] ? 1.0 : 0.0));
                dx[j] = static_cast<float>(scale * (direct + smooth * (all_weights * p[j] - weight_of(s, j))));
            }
        }
    });
}

}  // namespace pycnn
