// Matrix product in tiles on tensor cores, in TF32: factors are rounded to 10 bits of mantissa (to nearest, ties away from
// zero), their products are exact and sums are FP32. Used only if allowed (tf32.hpp), on devices of compute capability 8.0 or
// more.
//
// A block computes a kM x kN tile of C, each of its warps kWarpM x kWarpN of it, in fragments of 16 x 16. A step of 8 terms
// reads 4 floats a thread for each fragment of rows or of columns: 32 instructions of 16 x 8 x 4 multiply-adds on 24 loads
// (64 x 32), or 16 on 16 (32 x 32).
#pragma once

#include "cuda/gemm_stage.hpp"
#include "cuda/tensor_core.hpp"
#include "cuda/tf32.hpp"

namespace pycnn::cuda {

template <int M, int N, int Depth, int WarpM, int WarpN>
struct Tf32TileShape {
    static constexpr int kM = M, kN = N, kDepth = Depth, kWarpM = WarpM, kWarpN = WarpN;
    static constexpr int kWarps = M / WarpM * (N / WarpN), kThreadsOfBlock = 32 * kWarps;
    static_assert(Depth % kFragmentDepth == 0 && WarpM % kFragment == 0);
    static_assert(WarpN == 32);  // a lane for each column when the sums are written
};

#if defined(PYCNN_TF32)
// Operands lie in shared memory as they do in memory, so that vectors of four stay together. To load a fragment, a warp reads 8
// rows of A (columns of B) x 4 terms at a time, which padding puts into 32 banks: along the depth, 8 runs of 4 floats begin in
// the banks 0, 12, 24, 4, 16, 28, 8 and 20; across it, 4 runs of 8 in the banks 0, 8, 16 and 24.
template <class Operand, class Tile, int kOuter>
struct Tf32Stage : Stage<Operand, Tile, kOuter> {
    static constexpr bool kAlong = Operand::kAlongDepth;
    static constexpr int kPitch = kAlong ? Tile::kDepth + 4 : kOuter + 8;
    using Buffer = float[kAlong ? kOuter : Tile::kDepth][kPitch];

    __device__ void put(Buffer& shared, int thread) const {
#pragma unroll
        for (int v = 0; v < this->kVectors; ++v) {
            const int index = thread + v * Tile::kThreadsOfBlock, outer = this->outer_of(index), k = this->depth_of(index);
            float rounded[4];
#pragma unroll
            for (int i = 0; i < 4; ++i) rounded[i] = wmma::__float_to_tf32(this->next[v][i]);
            *reinterpret_cast<float4*>(&shared[kAlong ? outer : k][kAlong ? k : outer]) =
                make_float4(rounded[0], rounded[1], rounded[2], rounded[3]);
        }
    }
    template <class Fragment>
    static __device__ void load(Fragment& fragment, const Buffer& shared, int outer, int k) {
        load_factor(fragment, &shared[kAlong ? outer : k][kAlong ? k : outer], kPitch);
    }
};
#endif

template <class Tile, class A, class B, class C>
__global__ void __launch_bounds__(Tile::kThreadsOfBlock) gemm_tf32_kernel(GemmShape s, A a, B b, C c) {
#if defined(PYCNN_TF32)
    using StageA = Tf32Stage<A, Tile, Tile::kM>;
    using StageB = Tf32Stage<B, Tile, Tile::kN>;
    using Rows = Tf32Factor<wmma::matrix_a, std::conditional_t<A::kAlongDepth, wmma::row_major, wmma::col_major>>;
    using Columns = Tf32Factor<wmma::matrix_b, std::conditional_t<B::kAlongDepth, wmma::col_major, wmma::row_major>>;
    constexpr int kHigh = Tile::kWarpM / kFragment, kWide = Tile::kWarpN / kFragment;
    constexpr int kSumPitch = Tile::kWarpN + 8;  // threads of four rows write pairs of sums to different banks
    union Memory {
        StagedOperands<StageA, StageB> operands;
        float sums[Tile::kWarps][kFragment][kSumPitch];  // afterwards
    };
    PYCNN_SHARED(Memory, memory, [1]);
    const TileOfBlock<Tile> tile(s);
    const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
    const int warp_row = warp / (Tile::kN / Tile::kWarpN) * Tile::kWarpM;
    const int warp_column = warp % (Tile::kN / Tile::kWarpN) * Tile::kWarpN;

    Tf32Sums sums[kHigh][kWide];
#pragma unroll
    for (int i = 0; i < kHigh; ++i)
#pragma unroll
        for (int j = 0; j < kWide; ++j) wmma::fill_fragment(sums[i][j], 0.0f);
    for_each_step(tile, a, b, memory[0].operands, [&](const auto& shared_a, const auto& shared_b) {
#pragma unroll
        for (int t = 0; t < Tile::kDepth; t += kFragmentDepth) {
            Columns columns[kWide];
#pragma unroll
            for (int j = 0; j < kWide; ++j) StageB::load(columns[j], shared_b, warp_column + j * kFragment, t);
#pragma unroll
            for (int i = 0; i < kHigh; ++i) {
                Rows rows;
                StageA::load(rows, shared_a, warp_row + i * kFragment, t);
#pragma unroll
                for (int j = 0; j < kWide; ++j) wmma::mma_sync(sums[i][j], rows, columns[j], sums[i][j]);
            }
        }
    });
    __syncthreads();  // the sums take the place of the operands

    // It is not specified which thread has which sum of a fragment, so sums go through shared memory, 16 rows of the warp at a
    // time.
    float (&shared)[kFragment][kSumPitch] = memory[0].sums[warp];
    const int first_row = tile.first_row + warp_row, column = tile.first_column + warp_column + lane;
    const auto place = c.locate(tile.group, tile.slice, min(column, s.columns - 1));
#pragma unroll
    for (int i = 0; i < kHigh; ++i) {
#pragma unroll
        for (int j = 0; j < kWide; ++j)
            wmma::store_matrix_sync(&shared[0][j * kFragment], sums[i][j], kSumPitch, wmma::mem_row_major);
        __syncwarp();
        for (int r = 0; r < kFragment; ++r) {
            const int row = first_row + i * kFragment + r;
            if (row < s.rows && column < s.columns) c.store(place, row, shared[r][lane]);
        }
        __syncwarp();
    }
#else
    __trap();  // gemm() never launches this
#endif
}

// Whether tensor cores can save time. Each number of A, B and C goes through memory at least once. It takes part in as many
// multiply-adds as C has columns (A), as C has rows (B), and as a sum has terms (C). In FP32 an A100 does 25 of them, and an
// H100 40, in the time in which memory moves one number (19.5 TFLOP/s and 1.56 TB/s, 66.9 and 3.35). So memory is the limit if
// one of the extents is small.
inline bool is_worth_tf32(const GemmShape& s) { return std::min({s.rows, s.columns, s.depth}) > 32; }

template <class Tile, class A, class B, class C>
void launch_gemm_tf32(const GemmShape& s, const A& a, const B& b, const C& c) {
    launch(gemm_tf32_kernel<Tile, A, B, C>, TileOfBlock<Tile>::grid(s), dim3(Tile::kThreadsOfBlock), 0, current_stream(), s, a,
           b, c);
}

template <class A, class B, class C>
void gemm_tf32(const GemmShape& s, const A& a, const B& b, const C& c) {
    if (s.rows > 64 && s.columns > 64) return launch_gemm_tf32<Tf32TileShape<128, 128, 8, 64, 32>>(s, a, b, c);
    launch_gemm_tf32<Tf32TileShape<64, 64, 8, 32, 32>>(s, a, b, c);
}

}  // namespace pycnn::cuda
