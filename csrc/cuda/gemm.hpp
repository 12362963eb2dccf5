// Matrix product in tiles: FP32, a fused multiply-add a term, in the order of the depth.
//
// A block computes a kM x kN tile of C; each thread keeps kRows x kColumns sums. For a step of the depth it reads kRows +
// kColumns floats, four a load: 64 multiply-adds on 4 loads (8 x 8), or 16 on 2 (4 x 4).
#pragma once

#include "cuda/gemm_stage.hpp"
#include "cuda/gemm_tf32.hpp"

namespace pycnn::cuda {

template <int M, int N, int Depth, int Rows, int Columns>
struct TileShape {
    static constexpr int kM = M, kN = N, kDepth = Depth, kRows = Rows, kColumns = Columns;
    static constexpr int kThreadsOfBlock = M / Rows * (N / Columns);
    // 256 multiply-adds of a thread are unrolled. With all 512 of the largest tile, nvcc 13 issues so many loads ahead on
    // sm_100 and sm_120 that registers spill.
    static constexpr int kTermsATurn = 256 / (Rows * Columns);
};

template <class Operand, class Tile, int kOuter>
struct GemmStage : Stage<Operand, Tile, kOuter> {
    // Rows of shared memory are four floats longer: elements of one column lie in different banks, and float4 stay aligned.
    using Buffer = float[Tile::kDepth][kOuter + 4];

    __device__ void put(Buffer& shared, int thread) const {
#pragma unroll
        for (int v = 0; v < this->kVectors; ++v) {
            const int index = thread + v * Tile::kThreadsOfBlock, outer = this->outer_of(index), k = this->depth_of(index);
            const float (&next)[4] = this->next[v];
            if constexpr (Operand::kAlongDepth) {
#pragma unroll
                for (int i = 0; i < 4; ++i) shared[k + i][outer] = next[i];
            } else {
                *reinterpret_cast<float4*>(&shared[k][outer]) = make_float4(next[0], next[1], next[2], next[3]);
            }
        }
    }
};

// A thread's rows (columns) are vectors of four that lie kOuter / (kCount / 4) apart, so that the threads of a warp read
// neighbouring vectors: no bank is asked twice.
template <int kCount, int kOuter>
__device__ int element_of(int i, int thread) {
    return i / 4 * (kOuter / (kCount / 4)) + thread * 4 + i % 4;
}
template <int kCount, int kOuter>
__device__ void load_vectors(const float* shared, int thread, float (&out)[kCount]) {
#pragma unroll
    for (int i = 0; i < kCount; i += 4) {
        const float4 v = *reinterpret_cast<const float4*>(shared + element_of<kCount, kOuter>(i, thread));
        out[i] = v.x, out[i + 1] = v.y, out[i + 2] = v.z, out[i + 3] = v.w;
    }
}

// A Term adds a function of two elements to a sum. It adds nothing if both are zero, as they are beyond the end of the depth.
struct Product {
    static __device__ float add(float a, float b, float sum) { return fmaf(a, b, sum); }
};

// Two blocks fit a multiprocessor: each of their 256 threads may have 128 of its 65536 registers. Without this limit nvcc 13
// uses up to 149 for some operands on sm_100 and sm_120.
template <class Term, class Tile, class A, class B, class C>
__global__ void __launch_bounds__(Tile::kThreadsOfBlock, 2) gemm_kernel(GemmShape s, A a, B b, C c) {
    using Operands = StagedOperands<GemmStage<A, Tile, Tile::kM>, GemmStage<B, Tile, Tile::kN>>;
    PYCNN_SHARED(Operands, operands, [1]);
    const TileOfBlock<Tile> tile(s);
    const int thread = static_cast<int>(threadIdx.x);
    const int thread_row = thread / (Tile::kN / Tile::kColumns), thread_column = thread % (Tile::kN / Tile::kColumns);

    float sum[Tile::kRows][Tile::kColumns] = {};
    for_each_step(tile, a, b, operands[0], [&](const auto& shared_a, const auto& shared_b) {
#pragma unroll Tile::kTermsATurn
        for (int t = 0; t < Tile::kDepth; ++t) {
            float rows[Tile::kRows], columns[Tile::kColumns];
            load_vectors<Tile::kRows, Tile::kM>(shared_a[t], thread_row, rows);
            load_vectors<Tile::kColumns, Tile::kN>(shared_b[t], thread_column, columns);
#pragma unroll
            for (int i = 0; i < Tile::kRows; ++i)
#pragma unroll
                for (int j = 0; j < Tile::kColumns; ++j) sum[i][j] = Term::add(rows[i], columns[j], sum[i][j]);
        }
    });
#pragma unroll
    for (int j = 0; j < Tile::kColumns; ++j) {
        const int column = tile.first_column + element_of<Tile::kColumns, Tile::kN>(j, thread_column);
        if (column < s.columns) {
            const auto place = c.locate(tile.group, tile.slice, column);
#pragma unroll
            for (int i = 0; i < Tile::kRows; ++i) {
                const int row = tile.first_row + element_of<Tile::kRows, Tile::kM>(i, thread_row);
                if (row < s.rows) c.store(place, row, sum[i][j]);
            }
        }
    }
}

template <class Term, class Tile, class A, class B, class C>
void launch_gemm(const GemmShape& s, const A& a, const B& b, const C& c) {
    launch(gemm_kernel<Term, Tile, A, B, C>, TileOfBlock<Tile>::grid(s), dim3(Tile::kThreadsOfBlock), 0, current_stream(), s, a,
           b, c);
}

// The table of tile shapes. The part of a tile beyond the edge is wasted work, so few rows (filters of a small layer) use low
// tiles. For large matrices the largest tile loads least for each multiply-add.
//   rows     columns   tile          threads
//   <= 32    any       32 x 64 x 16  128, 4 x 4 sums each
//   > 64     > 64      128 x 128 x 8 256, 8 x 8 sums each
//   else               64 x 64 x 16  256, 4 x 4 sums each
template <class A, class B, class C>
void gemm(const GemmShape& s, const A& a, const B& b, const C& c) {
    if (s.rows == 0 || s.columns == 0 || s.groups == 0) return;
    if (computes_in_tf32() && is_worth_tf32(s)) return gemm_tf32(s, a, b, c);
    if (s.rows <= 32) return launch_gemm<Product, TileShape<32, 64, 16, 4, 4>>(s, a, b, c);
    if (s.rows > 64 && s.columns > 64) return launch_gemm<Product, TileShape<128, 128, 8, 8, 8>>(s, a, b, c);
    launch_gemm<Product, TileShape<64, 64, 16, 4, 4>>(s, a, b, c);
}

}  // namespace pycnn::cuda
