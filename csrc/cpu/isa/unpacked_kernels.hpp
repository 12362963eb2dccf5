// Micro-kernels for operands that are read where they lie. For the first two transpose.hpp has interleaved them, so that lanes are images
// of the batch or channels of a pixel.
//
// unpacked_gemm_kernel: gemm_kernel without packing, an outer product per step. The elements of A in a step are `a_stride`
//   floats apart.
// batch_reduce_dot_kernel: dot_kernel along several runs of memory, `a_pitch` and `b_pitch` apart; the lanes are added up once,
//   after all runs. This is the dot-product form of oneDNN's brgemm: one tile takes the sum of products of several pairs of
//   blocks.
// row_products_kernel: for few rows of C, which stay in L1, and a B that is larger than any cache. Four rows of B are read side by side, in
//   long runs, as the prefetcher likes it, and added to C: one load and one store of C for four multiply-adds.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

template <int Rows, int Vectors>
void unpacked_gemm_kernel(int64_t depth, const float* __restrict a, const int64_t* __restrict a_offsets, int64_t a_stride,
                          const float* __restrict b, const int64_t* __restrict b_offsets, float* c, int64_t ldc,
                          const float* bias, bool accumulate) {
    Vec sum[Rows][Vectors] = {};
    for (int64_t k = 0; k < depth; ++k) {
        // x86 addresses add 0, 1, 2 or 4 strides for free, and 3 with one more register: so there is one pointer for five rows, since
        // the registers cannot hold one per row.
        const float* base[(Rows + 4) / 5];
        base[0] = a + a_offsets[k];
        for (int j = 1; j < (Rows + 4) / 5; ++j) base[j] = base[j - 1] + 5 * a_stride;
        Vec columns[Vectors];
        for (int v = 0; v < Vectors; ++v) columns[v] = load(b + b_offsets[k] + v * kLanes);
#pragma GCC unroll 14
        for (int i = 0; i < Rows; ++i) {
            const Vec row = broadcast(base[i / 5][i % 5 * a_stride]);
            for (int v = 0; v < Vectors; ++v) sum[i][v] += row * columns[v];
        }
    }
#pragma GCC unroll 14
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 2
        for (int v = 0; v < Vectors; ++v) {
            float* target = c + i * ldc + v * kLanes;
            store(target, (accumulate ? load(target) : broadcast(bias ? bias[i] : 0.0f)) + sum[i][v]);
        }
}

// In how many turns a run is added up. Where lane_winners.hpp has kernels, the images of one vector come first, as there, then the others.
#if defined(__AVX512F__)
constexpr int64_t kDotTurns = kNRVectors;
#else
constexpr int64_t kDotTurns = 1;
#endif

template <int Rows, int Columns>
void batch_reduce_dot_kernel(int64_t runs, int64_t length, const float* __restrict a, int64_t lda, int64_t a_pitch,
                             const float* __restrict b, const int64_t* __restrict columns, int64_t b_pitch, float* c,
                             int64_t ldc) {
    Vec sum[Rows][Columns] = {};
    const float* column[Columns];
    for (int j = 0; j < Columns; ++j) column[j] = b + columns[j];
    for (int64_t t = 0; t < runs; ++t) {
        for (int64_t v = 0; v < kDotTurns * kLanes; v += kLanes)
            for (int64_t k = v; k < length; k += kDotTurns * kLanes) {
                Vec row[Rows];
                for (int i = 0; i < Rows; ++i) row[i] = load(a + i * lda + k);
                for (int j = 0; j < Columns; ++j) {
                    const Vec other = load(column[j] + k);
                    for (int i = 0; i < Rows; ++i) sum[i][j] += row[i] * other;
                }
            }
        a += a_pitch;
        for (int j = 0; j < Columns; ++j) column[j] += b_pitch;
    }
#pragma GCC unroll 5
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 5
        for (int j = 0; j < Columns; ++j) c[i * ldc + j] += horizontal_sum(sum[i][j]);
}

template <int Rows, int Terms>
inline void add_row_terms(const float* __restrict a, int64_t lda, int64_t columns, const float* __restrict b, int64_t ldb,
                          float* __restrict c, int64_t ldc) {
    Vec factor[Rows][Terms];
    for (int i = 0; i < Rows; ++i)
        for (int t = 0; t < Terms; ++t) factor[i][t] = broadcast(a[i * lda + t]);
    const int64_t whole = columns / kLanes * kLanes, rest = columns - whole;
    for (int64_t j = 0; j < whole; j += kLanes) {
        Vec row[Terms];
        for (int t = 0; t < Terms; ++t) row[t] = load(b + t * ldb + j);
        for (int i = 0; i < Rows; ++i) {
            Vec sum = load(c + i * ldc + j);
            for (int t = 0; t < Terms; ++t) sum += factor[i][t] * row[t];
            store(c + i * ldc + j, sum);
        }
    }
    if (rest == 0) return;
    for (int i = 0; i < Rows; ++i) {
        Vec sum = load_first(c + i * ldc + whole, rest);
        for (int t = 0; t < Terms; ++t) sum += factor[i][t] * load_first(b + t * ldb + whole, rest);
        store_first(c + i * ldc + whole, sum, rest);
    }
}

template <int Rows>
void row_products_kernel(int64_t depth, const float* a, int64_t lda, int64_t columns, const float* b, int64_t ldb, float* c,
                         int64_t ldc) {
    int64_t k = 0;
    for (; k + 4 <= depth; k += 4) add_row_terms<Rows, 4>(a + k, lda, columns, b + k * ldb, ldb, c, ldc);
    for (; k < depth; ++k) add_row_terms<Rows, 1>(a + k, lda, columns, b + k * ldb, ldb, c, ldc);
}

template <int Rows>
constexpr void fill_unpacked_gemm_rows(KernelTable& table) {
    table.unpacked_gemm[Rows - 1][0] = unpacked_gemm_kernel<Rows, 1>;
    table.unpacked_gemm[Rows - 1][1] = unpacked_gemm_kernel<Rows, 2>;
    if constexpr (Rows > 1) fill_unpacked_gemm_rows<Rows - 1>(table);
}

template <int Rows, int Columns>
constexpr void fill_batch_reduce_dot_tiles(KernelTable& table) {
    table.batch_reduce_dot[Rows - 1][Columns - 1] = batch_reduce_dot_kernel<Rows, Columns>;
    if constexpr (Columns > 1) {
        fill_batch_reduce_dot_tiles<Rows, Columns - 1>(table);
    } else if constexpr (Rows > 1) {
        fill_batch_reduce_dot_tiles<Rows - 1, kDotColumns>(table);
    }
}

template <int Rows>
constexpr void fill_row_products(KernelTable& table) {
    table.row_products[Rows - 1] = row_products_kernel<Rows>;
    if constexpr (Rows > 1) fill_row_products<Rows - 1>(table);
}

constexpr void fill_unpacked(KernelTable& table) {
    table.product_rows = kProductRows;
    fill_row_products<kProductRows>(table);
    fill_unpacked_gemm_rows<kMR>(table);
    fill_batch_reduce_dot_tiles<kDotRows, kDotColumns>(table);
}

}  // namespace
}  // namespace pycnn
