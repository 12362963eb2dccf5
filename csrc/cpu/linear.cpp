#include "ops/linear.hpp"

#include <algorithm>
#include <array>

#include "core/parallel.hpp"
#include "core/sum_block.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"
#include "cpu/linear_backward_bias.hpp"
#include "ops/activation.hpp"

namespace pycnn {
namespace {

// The number of rows of x from which it pays to transpose the weights: that costs half a cycle per float, as much as its products with
// 8 rows.
constexpr int64_t kFewRows = 32;

// Columns of dy that one task sums.
constexpr int64_t kTaskColumns = 256;

// sums[j] = sum over rows begin <= n < end of dy[n * pitch + j], for j < columns.
void add_rows(int64_t begin, int64_t end, int64_t pitch, int64_t columns, const float* dy, float* sums) {
    std::fill_n(sums, columns, 0.0f);
    for (int64_t n = begin; n < end; ++n)
        for (int64_t j = 0; j < columns; ++j) sums[j] += dy[n * pitch + j];
}

// The same over all rows, in blocks (see core/long_sum.hpp); at most kTaskColumns columns.
void add_all_rows(int64_t rows, int64_t pitch, int64_t columns, const float* dy, float* sums) {
    if (rows <= kSumBlock) return add_rows(0, rows, pitch, columns, dy, sums);
    std::array<double, kTaskColumns> totals{};
    for (int64_t n = 0; n < rows; n += kSumBlock) {
        add_rows(n, std::min(n + kSumBlock, rows), pitch, columns, dy, sums);
        for (int64_t j = 0; j < columns; ++j) totals[j] += sums[j];
    }
    for (int64_t j = 0; j < columns; ++j) sums[j] = static_cast<float>(totals[j]);
}

}  // namespace

void linear(const LinearShape& s, const float* x, const float* w, const float* b, float* y) {
    if (b != nullptr) {
        kernels().add_bias(s.N, s.outputs, b, y);
    } else {
        std::fill_n(y, s.N * s.outputs, 0.0f);
    }
    if (s.N < kFewRows) {
        gemm_transposed(s.N, s.outputs, s.inputs, x, w, y);
    } else {
        gemm(s.N, s.outputs, s.inputs, {x, s.inputs, 1}, {w, s.inputs, true}, y, true);
    }
}

void linear_relu(const LinearShape& s, const float* x, const float* w, const float* b, float* y) {
    linear(s, x, w, b, y);
    relu(s.N * s.outputs, y, y);
}

void linear_backward_input(const LinearShape& s, const float* dy, const float* w, float* dx) {
    gemm(s.N, s.inputs, s.outputs, {dy, s.outputs, 1}, {w, s.inputs, false}, dx, false);
}

void linear_backward_bias(const LinearShape& s, const float* dy, float* db) {
    parallel_ranges(s.outputs, kTaskColumns, static_cast<double>(s.N),
                    [&](int64_t begin, int64_t end) { add_all_rows(s.N, s.outputs, end - begin, dy + begin, db + begin); });
}

void linear_backward_weight(const LinearShape& s, const float* dy, const float* x, float* dw, float* db) {
    linear_backward_bias(s, dy, db);
    if (s.N == 0) {
        std::fill_n(dw, s.outputs * s.inputs, 0.0f);
        return;
    }
    gemm(s.outputs, s.inputs, s.N, {dy, 1, s.outputs}, {x, s.inputs, false}, dw, false);
}

}  // namespace pycnn
