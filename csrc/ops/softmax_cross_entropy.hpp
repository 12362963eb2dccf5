// Softmax and its cross entropy with class weights, label smoothing and ignored targets (PyTorch's formulas).
#pragma once

#include <cstdint>
#include <optional>

#include "core/error.hpp"
#include "ops/reduction.hpp"

namespace pycnn {

struct CrossEntropy {
    int64_t N, C;
    const float* weight;  // C class weights or null
    int64_t ignore_index;
    double label_smoothing;
    Reduction reduction;
};

void softmax(int64_t N, int64_t C, const float* x, float* probabilities);

// dx[i][j] = p[i][j] (dy[i][j] - sum over k of dy[i][k] p[i][k])
void softmax_backward(int64_t N, int64_t C, const float* dy, const float* probabilities, float* dx);

[[noreturn]] inline void fail_target(const char* op, int64_t position, int64_t target, int64_t C) {
    fail_value(op, "target[", position, "] is ", target, ", outside 0..", C - 1, " (", C, " classes)");
}

// ValueError for a target outside [0, C) that is not `ignored`.
void check_targets(const char* op, int64_t N, int64_t C, std::optional<int64_t> ignored, const int64_t* target);

// Writes the (N, C) probabilities, and the N losses if `losses` is not null; returns their sum or mean.
double softmax_cross_entropy(const CrossEntropy& s, const float* logits, const int64_t* target, float* probabilities,
                             float* losses);

void softmax_cross_entropy_backward(const CrossEntropy& s, const float* probabilities, const int64_t* target,
                                    LossGradient dloss, float* dlogits);

}  // namespace pycnn
