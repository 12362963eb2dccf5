// Softmax of rows, and the kernels of its gradients. Lanes run along a row; lanes beyond its end are masked.
#pragma once

#include "core/sum_block.hpp"
#include "cpu/isa/simd.hpp"
#include "cpu/isa/transcendental.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

// All bits set in the first `count` lanes.
inline IntVec first_lanes(int64_t count) { return lane_numbers() < static_cast<int32_t>(count < kLanes ? count : kLanes); }

// Calls f(j, number of valid lanes) for each vector of a row.
template <class F>
inline void along_row(int64_t C, F&& f) {
    for (int64_t j = 0; j < C; j += kLanes) f(j, C - j);
}

// The sum over a row of the valid lanes of terms(j, number of valid lanes), in blocks of kSumBlock vectors (see core/long_sum.hpp).
template <class F>
inline float sum_along_row(int64_t C, F&& terms) {
    constexpr int64_t kBlock = kSumBlock * kLanes;
    double total = 0;
    for (int64_t begin = 0; begin < C; begin += kBlock) {
        Vec sum{};
        along_row(C - begin < kBlock ? C - begin : kBlock, [&](int64_t j, int64_t count) {
            const Vec v = terms(begin + j, C - begin - j);
            sum += first_lanes(count) ? v : Vec{};
        });
        total += horizontal_sum(sum);
    }
    return static_cast<float>(total);
}

// p[i][j] = exp(x[i][j] - largest[i]) / total[i], where largest[i] is the row's maximum and total[i] the sum of these
// exponentials. A row's last vector is read and written whole if other rows of the block follow: the next row then overwrites the
// excess.
void softmax_rows(int64_t rows, int64_t C, const float* x, float* p, float* largest, float* total) {
    for (int64_t i = 0; i < rows; ++i, x += C, p += C) {
        const int64_t room = (rows - i) * C;
        Vec most = broadcast(-__builtin_inff());
        along_row(C, [&](int64_t j, int64_t count) {
            const Vec v = load_at_most(x + j, room - j);
            most = (v > most) & first_lanes(count) ? v : most;
        });
        const float maximum = horizontal_max(most);
        largest[i] = maximum;
        total[i] = sum_along_row(C, [&](int64_t j, int64_t count) {
            const Vec e = exp(load_at_most(x + j, room - j) - maximum);
            const Vec counted = first_lanes(count) ? e : Vec{};
            store_at_most(p + j, counted, room - j);
            return counted;
        });
        const float scale = 1.0f / total[i];
        along_row(C, [&](int64_t j, int64_t) { store_at_most(p + j, scale * load_at_most(p + j, room - j), room - j); });
    }
}

// dx[i][j] = p[i][j] (dy[i][j] - sum over k of dy[i][k] p[i][k])
void softmax_rows_backward(int64_t rows, int64_t C, const float* dy, const float* p, float* dx) {
    for (int64_t i = 0; i < rows; ++i, dy += C, p += C, dx += C) {
        const int64_t room = (rows - i) * C;
        const float mean = sum_along_row(
            C, [&](int64_t j, int64_t) { return load_at_most(dy + j, room - j) * load_at_most(p + j, room - j); });
        along_row(C, [&](int64_t j, int64_t) {
            store_at_most(dx + j, load_at_most(p + j, room - j) * (load_at_most(dy + j, room - j) - mean), room - j);
        });
    }
}

// dx[i][j] = dy[i][j] - exp(y[i][j]) sum over k of dy[i][k]
void log_softmax_rows_backward(int64_t rows, int64_t C, const float* dy, const float* y, float* dx) {
    for (int64_t i = 0; i < rows; ++i, dy += C, y += C, dx += C) {
        const int64_t room = (rows - i) * C;
        const float total = sum_along_row(C, [&](int64_t j, int64_t) { return load_at_most(dy + j, room - j); });
        along_row(C, [&](int64_t j, int64_t) {
            const Vec share = total * exp(load_at_most(y + j, room - j));
            store_at_most(dx + j, load_at_most(dy + j, room - j) - share, room - j);
        });
    }
}

// Sum over j of w[j] (log_total + (largest - x[j])): the weighted negative logarithms of the probabilities; w may be null.
float weighted_nll(int64_t C, const float* x, const float* w, float largest, float log_total) {
    return sum_along_row(C, [&](int64_t j, int64_t count) {
        const Vec nll = log_total + (largest - load_at_most(x + j, count));
        return w == nullptr ? nll : nll * load_at_most(w + j, count);
    });
}

// dx[j] = a p[j] - b w[j]; a null w stands for ones.
void softmax_gradient(int64_t C, const float* __restrict p, const float* __restrict w, float a, float b, float* __restrict dx) {
    if (b == 0.0f) {
        for (int64_t j = 0; j < C; ++j) dx[j] = a * p[j];
    } else if (w == nullptr) {
        for (int64_t j = 0; j < C; ++j) dx[j] = a * p[j] - b;
    } else {
        for (int64_t j = 0; j < C; ++j) dx[j] = a * p[j] - b * w[j];
    }
}

constexpr void fill_softmax(KernelTable& table) {
    table.softmax = softmax_rows;
    table.softmax_backward = softmax_rows_backward;
    table.log_softmax_backward = log_softmax_rows_backward;
    table.weighted_nll = weighted_nll;
    table.softmax_gradient = softmax_gradient;
}

}  // namespace
}  // namespace pycnn
