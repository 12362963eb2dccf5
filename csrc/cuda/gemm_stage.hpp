// How the operands of a product reach shared memory. A block computes a tile of C: kDepth columns of A and rows of B at a time,
// in two alternating buffers, while the next ones are loaded into registers.
#pragma once

#include "cuda/gemm_operands.hpp"

namespace pycnn::cuda {

// The tile of this block. All blocks lie along x, slice after slice and group after group: x takes 2^31 - 1 of them, y and z
// no more than 65535. Of the tiles of a slice, those along the shorter side of C are neighbours: they run at about the same
// time and share what they read of the longer operand, which the caches may not hold until the next row or column of tiles.
template <class Tile>
struct TileOfBlock {
    int group, slice, first_row, first_column, begin, end;  // the last two along the depth

    explicit __device__ TileOfBlock(const GemmShape& s) {
        // Whole tiles fit 32 bits (kMostExtent).
        const int row_tiles = (s.rows + Tile::kM - 1) / Tile::kM, column_tiles = (s.columns + Tile::kN - 1) / Tile::kN;
        const int shorter = min(row_tiles, column_tiles);
        const int line = static_cast<int>(blockIdx.x) / shorter, place = static_cast<int>(blockIdx.x) % shorter;
        const int longer = max(row_tiles, column_tiles), matrix = line / longer, line_of_matrix = line % longer;
        group = matrix / s.slices;
        slice = matrix % s.slices;
        first_row = (row_tiles < column_tiles ? place : line_of_matrix) * Tile::kM;
        first_column = (row_tiles < column_tiles ? line_of_matrix : place) * Tile::kN;
        begin = slice * s.slice;
        end = begin + min(s.slice, s.depth - begin);
    }

    // No more than 2^31 - 1: so many tiles of 32 x 64 and more would be a C of some 2^42 elements; and each of those of a
    // convolution has at least one of the less than 2^30 elements of its result. Slices are for few tiles alone.
    static dim3 grid(const GemmShape& s) {
        const int64_t tiles = ceil_div(s.rows, Tile::kM) * ceil_div(s.columns, Tile::kN);
        return dim3(static_cast<unsigned>(tiles * s.groups * s.slices));
    }
};

// What a thread loads of an operand in a step of kDepth terms: vectors of four. Kernels add where they lie in shared memory:
//   using Buffer = float[rows][pitch]; void put(Buffer&, int thread) const
template <class OperandType, class Tile, int kOuter>
struct Stage {
    using Operand = OperandType;
    static constexpr int kVectors = kOuter * Tile::kDepth / 4 / Tile::kThreadsOfBlock;
    static_assert(kVectors * 4 * Tile::kThreadsOfBlock == kOuter * Tile::kDepth);
    typename Operand::Place places[kVectors];
    float next[kVectors][4];

    static __device__ int outer_of(int index) {
        return Operand::kAlongDepth ? index / (Tile::kDepth / 4) : index % (kOuter / 4) * 4;
    }
    static __device__ int depth_of(int index) {
        return Operand::kAlongDepth ? index % (Tile::kDepth / 4) * 4 : index / (kOuter / 4);
    }
    __device__ void locate(const Operand& operand, int thread, int group, int first) {
#pragma unroll
        for (int v = 0; v < kVectors; ++v)
            places[v] = operand.locate(group, first + outer_of(thread + v * Tile::kThreadsOfBlock));
    }
    __device__ void fetch(const Operand& operand, int thread, int first, int end) {
#pragma unroll
        for (int v = 0; v < kVectors; ++v)
            operand.load(places[v], first + depth_of(thread + v * Tile::kThreadsOfBlock), end, next[v]);
    }
};

template <class StageA, class StageB>
struct alignas(32) StagedOperands {  // fragments of tensor cores ask for 32 bytes, float4 for 16
    typename StageA::Buffer a[2];
    typename StageB::Buffer b[2];
};

// Calls multiply(a, b) with the two buffers of each step, in the order of the depth.
template <class Tile, class StageA, class StageB, class Multiply>
__device__ void for_each_step(const TileOfBlock<Tile>& tile, const typename StageA::Operand& a,
                              const typename StageB::Operand& b, StagedOperands<StageA, StageB>& memory,
                              const Multiply& multiply) {
    const int thread = static_cast<int>(threadIdx.x);
    StageA stage_a;
    StageB stage_b;
    stage_a.locate(a, thread, tile.group, tile.first_row);
    stage_b.locate(b, thread, tile.group, tile.first_column);
    stage_a.fetch(a, thread, tile.begin, tile.end);
    stage_b.fetch(b, thread, tile.begin, tile.end);
    int buffer = 0;
    for (int k = tile.begin; k < tile.end; k += Tile::kDepth, buffer ^= 1) {
        stage_a.put(memory.a[buffer], thread);
        stage_b.put(memory.b[buffer], thread);
        __syncthreads();  // one barrier a step is enough: the next step writes the other buffer, which nobody reads by then
        if (k + Tile::kDepth < tile.end) {
            stage_a.fetch(a, thread, k + Tile::kDepth, tile.end);
            stage_b.fetch(b, thread, k + Tile::kDepth, tile.end);
        }
        multiply(memory.a[buffer], memory.b[buffer]);
    }
}

}  // namespace pycnn::cuda
