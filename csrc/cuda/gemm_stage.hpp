// How the operands of a product reach shared memory, a tile of C a block: kDepth columns of A and rows of B at a time, two
// buffers in turns, while the next ones are already on their way into registers.
#pragma once

#include "cuda/gemm_operands.hpp"

namespace pycnn::cuda {

// The tile of this block. Blocks: x over tiles of columns, y over those of rows, z over slices of all groups.
template <class Tile>
struct TileOfBlock {
    int group, slice, first_row, first_column, begin, end;  // the last two along the depth

    explicit __device__ TileOfBlock(const GemmShape& s)
        : group(static_cast<int>(blockIdx.z) / s.slices),
          slice(static_cast<int>(blockIdx.z) % s.slices),
          first_row(static_cast<int>(blockIdx.y) * Tile::kM),
          first_column(static_cast<int>(blockIdx.x) * Tile::kN),
          begin(slice * s.slice),
          end(min(begin + s.slice, s.depth)) {}

    static dim3 grid(const GemmShape& s) {
        return dim3(static_cast<unsigned>(ceil_div(s.columns, Tile::kN)), static_cast<unsigned>(ceil_div(s.rows, Tile::kM)),
                    static_cast<unsigned>(s.groups * s.slices));
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
        __syncthreads();  // one barrier a step: the other buffer is written next, and all have left it by then
        if (k + Tile::kDepth < tile.end) {
            stage_a.fetch(a, thread, k + Tile::kDepth, tile.end);
            stage_b.fetch(b, thread, k + Tile::kDepth, tile.end);
        }
        multiply(memory.a[buffer], memory.b[buffer]);
    }
}

}  // namespace pycnn::cuda
