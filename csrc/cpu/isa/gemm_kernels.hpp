// The two micro-kernels that everything dense is built on.
//
// gemm_kernel: an outer product per step, lanes along the columns of C, on packed operands. A tile of C, at most MR x NR, stays in
//   registers. Each step loads Vectors vectors of B and broadcasts Rows elements of A for Rows * Vectors multiply-adds (14 x 2
//   AVX-512: 16 loads for 28 FMAs, 2 + 2 a cycle: the FMAs bind).
// dot_kernel: lanes along the summation, one horizontal sum at the end. For operands that are both contiguous along the
//   summation index (weight gradients, linear layers), where the first kernel would need a transposed copy. With another term
//   in the place of the product it gives squared distances.
// Source of the scheme: Goto, van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS 34(3), 2008. MR and NR are
// BLIS's letters: Van Zee, van de Geijn, ACM TOMS 41(3), 2015.
#pragma once

#include "cpu/isa/simd.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {
namespace {

template <int Rows, int Vectors>
void gemm_kernel(int64_t depth, const float* __restrict a, const float* __restrict b, const int64_t* __restrict offsets,
                 const VectorPlace* places, float* c, int64_t ldc, const float* bias, bool accumulate) {
    Vec sum[Rows][Vectors] = {};
    const float* vector[Vectors];
    for (int v = 0; v < Vectors; ++v) vector[v] = b + places[v].b;
    for (int64_t k = 0; k < depth; ++k, a += Rows) {
        Vec columns[Vectors];
        for (int v = 0; v < Vectors; ++v) columns[v] = load(vector[v] + offsets[k]);
        for (int i = 0; i < Rows; ++i) {
            const Vec row = broadcast(a[i]);
            for (int v = 0; v < Vectors; ++v) sum[i][v] += row * columns[v];
        }
    }
    // Fully unrolled: an index known only at run time would send the sums through memory.
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; ++v) {
        float* target = c + places[v].c;
        const int64_t valid = places[v].valid;
#pragma GCC unroll 14
        for (int i = 0; i < Rows; ++i, target += ldc) {
            if (valid == kLanes) {
                store(target, (accumulate ? load(target) : broadcast(bias ? bias[i] : 0.0f)) + sum[i][v]);
            } else {
                const Vec start = accumulate ? load_first(target, valid) : broadcast(bias ? bias[i] : 0.0f);
                store_first(target, start + sum[i][v], valid);
            }
        }
    }
}

struct Product {
    static Vec add(Vec sum, Vec a, Vec b) { return sum + a * b; }
};

struct SquaredDifference {
    static Vec add(Vec sum, Vec a, Vec b) {
        const Vec difference = a - b;
        return sum + difference * difference;
    }
};

template <class Term, int Rows, int Columns>
void dot_kernel(int64_t depth, const float* __restrict a, int64_t lda, const float* __restrict b, int64_t ldb, float* c,
                int64_t ldc) {
    Vec sum[Rows][Columns] = {};
    const int64_t whole = depth / kLanes * kLanes, rest = depth - whole;
    for (int64_t k = 0; k < whole; k += kLanes) {
        Vec row[Rows];
        for (int i = 0; i < Rows; ++i) row[i] = load(a + i * lda + k);
        for (int j = 0; j < Columns; ++j) {
            const Vec column = load(b + j * ldb + k);
            for (int i = 0; i < Rows; ++i) sum[i][j] = Term::add(sum[i][j], row[i], column);
        }
    }
    if (rest) {
        Vec row[Rows];
        for (int i = 0; i < Rows; ++i) row[i] = load_first(a + i * lda + whole, rest);
        for (int j = 0; j < Columns; ++j) {
            const Vec column = load_first(b + j * ldb + whole, rest);
            for (int i = 0; i < Rows; ++i) sum[i][j] = Term::add(sum[i][j], row[i], column);
        }
    }
#pragma GCC unroll 5
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 5
        for (int j = 0; j < Columns; ++j) {
            c[i * ldc + j] += horizontal_sum(sum[i][j]);
        }
}

// Enough independent multiply-adds to hide their latency, on registers alone.
int64_t fma_rounds(int64_t rounds, float* sink) {
    constexpr int kChains = 12;  // >= latency 4 x 2 units, and fits 16 registers
    Vec sum[kChains];
    // All different, or the compiler would merge chains; and none at 1 = y / (1 - x), where a chain would not change.
    for (int j = 0; j < kChains; ++j) sum[j] = broadcast(static_cast<float>(2 + j));
    const Vec x = broadcast(0.999f), y = broadcast(1e-3f);
    for (int64_t i = 0; i < rounds; ++i) {
        for (int j = 0; j < kChains; ++j) sum[j] = sum[j] * x + y;
    }
    for (int j = 0; j < kChains; ++j) *sink += horizontal_sum(sum[j]);
    return rounds * kChains * kLanes;
}

template <int Rows>
constexpr void fill_gemm_rows(KernelTable& table) {
    table.gemm[Rows - 1][0] = gemm_kernel<Rows, 1>;
    table.gemm[Rows - 1][1] = gemm_kernel<Rows, 2>;
    if constexpr (Rows > 1) fill_gemm_rows<Rows - 1>(table);
}

template <int Rows, int Columns>
constexpr void fill_dot_tiles(KernelTable& table) {
    table.dot[Rows - 1][Columns - 1] = dot_kernel<Product, Rows, Columns>;
    table.distance[Rows - 1][Columns - 1] = dot_kernel<SquaredDifference, Rows, Columns>;
    if constexpr (Columns > 1) {
        fill_dot_tiles<Rows, Columns - 1>(table);
    } else if constexpr (Rows > 1) {
        fill_dot_tiles<Rows - 1, kDotColumns>(table);
    }
}

constexpr void fill_gemm(KernelTable& table) {
    fill_gemm_rows<kMR>(table);
    fill_dot_tiles<kDotRows, kDotColumns>(table);
    table.fma_rounds = fma_rounds;
}

}  // namespace
}  // namespace pycnn
