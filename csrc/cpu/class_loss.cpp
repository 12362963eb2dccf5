#include "ops/class_loss.hpp"

#include <algorithm>
#include <cmath>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/row_blocks.hpp"

namespace pycnn {
namespace {

// exp(-j) + sum of exp(-d[i]), without the factor exp(-least), where least is the smallest of j and all d: nothing overflows, and the
// sum is at least 1.
struct Competition {
    double least, sum;

    Competition(const MapLoss& s, const float* d) : least(s.j), sum(0) {
        for (int64_t i = 0; i < s.C; ++i) least = d[i] < least ? d[i] : least;
        sum = std::exp(least - s.j);
        for (int64_t i = 0; i < s.C; ++i) sum += std::exp(least - d[i]);
    }
};

}  // namespace

void log_softmax(int64_t N, int64_t C, const float* x, float* y) {
    const KernelTable& table = kernels();
    parallel_ranges(N, block_of_rows(C), static_cast<double>(C) * kExponentialWork, [&](int64_t begin, int64_t end) {
        float largest[kMostRows], total[kMostRows];
        table.softmax(end - begin, C, x + begin * C, y + begin * C, largest, total);
        for (int64_t i = begin; i < end; ++i) {
            const double shift = largest[i - begin] + std::log(static_cast<double>(total[i - begin]));
            for (int64_t j = i * C; j < (i + 1) * C; ++j) y[j] = static_cast<float>(x[j] - shift);
        }
    });
}

void log_softmax_backward(int64_t N, int64_t C, const float* dy, const float* y, float* dx) {
    const KernelTable& table = kernels();
    parallel_ranges(N, block_of_rows(C), static_cast<double>(C) * kExponentialWork, [&](int64_t begin, int64_t end) {
        table.log_softmax_backward(end - begin, C, dy + begin * C, y + begin * C, dx + begin * C);
    });
}

double nll_loss(const CrossEntropy& s, const float* log_probabilities, const int64_t* target, float* losses) {
    double total = 0;
    for (int64_t i = 0; i < s.N; ++i) {
        const int64_t label = target[i];
        const double loss = label == s.ignore_index ? 0.0 : -class_weight(s, label) * log_probabilities[i * s.C + label];
        if (losses != nullptr) losses[i] = static_cast<float>(loss);
        total += loss;
    }
    return s.reduction == Reduction::mean ? total / mean_divisor(s, target) : total;
}

void nll_loss_backward(const CrossEntropy& s, const int64_t* target, LossGradient dloss, float* gradient) {
    const double divisor = s.reduction == Reduction::mean ? mean_divisor(s, target) : 1.0;
    std::fill_n(gradient, s.N * s.C, 0.0f);
    for (int64_t i = 0; i < s.N; ++i)
        if (const int64_t label = target[i]; label != s.ignore_index)
            gradient[i * s.C + label] = static_cast<float>(-dloss[i] / divisor * class_weight(s, label));
}

double map_loss(const MapLoss& s, const float* distances, const int64_t* target, float* losses) {
    const Workspace<double> rows(s.N);
    parallel_ranges(s.N, block_of_rows(s.C), static_cast<double>(s.C) * kExponentialWork, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const float* d = distances + i * s.C;
            const Competition others(s, d);
            rows.data()[i] = (d[target[i]] - others.least) + std::log(others.sum);
        }
    });
    double total = 0;
    for (int64_t i = 0; i < s.N; ++i) {
        if (losses != nullptr) losses[i] = static_cast<float>(rows.data()[i]);
        total += rows.data()[i];
    }
    return s.reduction == Reduction::mean ? total / static_cast<double>(s.N) : total;
}

// [k = t] - exp(-d[k]) / (exp(-j) + sum of exp(-d[i]))
void map_loss_backward(const MapLoss& s, const float* distances, const int64_t* target, LossGradient dloss, float* gradient) {
    const double divisor = s.reduction == Reduction::mean ? static_cast<double>(s.N) : 1.0;
    parallel_ranges(s.N, block_of_rows(s.C), static_cast<double>(s.C) * kExponentialWork, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const float* d = distances + i * s.C;
            const Competition others(s, d);
            const double scale = dloss[i] / divisor;
            for (int64_t k = 0; k < s.C; ++k) {
                const double share = std::exp(others.least - d[k]) / others.sum;
                gradient[i * s.C + k] = static_cast<float>(scale * ((k == target[i] ? 1.0 : 0.0) - share));
            }
        }
    });
}

}  // namespace pycnn
