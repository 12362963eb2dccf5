// Matrix product in tiles: C (M x N) = A (M x depth) B (depth x N) for each of some groups, with operands that are read through small
// functors, so that a convolution's patches are never stored. FP32, a fused multiply-add a term, in the order of the depth.
//
// A block computes a kM x kN tile of C. kDepth columns of A and rows of B at a time go through shared memory, while the next ones
// are already on their way into registers; each thread keeps kRows x kColumns sums. For a step of the depth it reads kRows +
// kColumns floats, four a load: 64 multiply-adds on 4 loads (8 x 8), or 16 on 2 (4 x 4).
#pragma once

#include <algorithm>

#include "core/shape.hpp"
#include "cuda/launch.hpp"

namespace pycnn::cuda {

template <int M, int N, int Depth, int Rows, int Columns>
struct GemmTile {
    static constexpr int kM = M, kN = N, kDepth = Depth, kRows = Rows, kColumns = Columns;
    static constexpr int kThreadsOfBlock = M / Rows * (N / Columns);
    // Rows of shared memory are four floats longer: elements of one column lie in different banks, and float4 stay aligned.
    static constexpr int kPitchA = M + 4, kPitchB = N + 4;
};

// An operand has
//   static constexpr bool kAlongDepth               whether four neighbours lie along the depth, or along the other axis
//   struct Place                                    what it keeps of a row of A (four with !kAlongDepth), or of columns of B
//   Place locate(int group, int outer) const
//   void load(const Place&, int k, float (&out)[4]) const      zero outside of the matrix
// and the result
//   struct Place; Place locate(int group, int slice, int column) const; void store(const Place&, int row, float sum) const
template <class Operand, class Tile, int kOuter, int kPitch>
struct Stage {
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
    __device__ void put(float (*shared)[kPitch], int thread) const {
#pragma unroll
        for (int v = 0; v < kVectors; ++v) {
            const int index = thread + v * Tile::kThreadsOfBlock, outer = outer_of(index), k = depth_of(index);
            if constexpr (Operand::kAlongDepth) {
#pragma unroll
                for (int i = 0; i < 4; ++i) shared[k + i][outer] = next[v][i];
            } else {
                *reinterpret_cast<float4*>(&shared[k][outer]) = make_float4(next[v][0], next[v][1], next[v][2], next[v][3]);
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

struct GemmShape {
    int groups, rows, columns, depth, slices, slice;  // the depth is cut into slices of `slice` terms
};

// A Term adds a function of two elements to a sum, and nothing where both are zero, as they are beyond the end of the depth.
struct Product {
    static __device__ float add(float a, float b, float sum) { return fmaf(a, b, sum); }
};

// Blocks: x over tiles of columns, y over those of rows, z over slices of all groups. Two fit a multiprocessor: of its 65536
// registers a thread of 256 may have 128. Left alone, nvcc 13 takes up to 149 for some operands on sm_100 and sm_120.
template <class Term, class Tile, class A, class B, class C>
__global__ void __launch_bounds__(Tile::kThreadsOfBlock, 2) gemm_kernel(GemmShape s, A a, B b, C c) {
    SHARED(float4, raw_a, [2][Tile::kDepth][Tile::kPitchA / 4]);
    SHARED(float4, raw_b, [2][Tile::kDepth][Tile::kPitchB / 4]);
    const int thread = static_cast<int>(threadIdx.x);
    const int slice = static_cast<int>(blockIdx.z) % s.slices, group = static_cast<int>(blockIdx.z) / s.slices;
    const int first_row = static_cast<int>(blockIdx.y) * Tile::kM, first_column = static_cast<int>(blockIdx.x) * Tile::kN;
    const int begin = slice * s.slice, end = min(begin + s.slice, s.depth);
    const int thread_row = thread / (Tile::kN / Tile::kColumns), thread_column = thread % (Tile::kN / Tile::kColumns);

    float sum[Tile::kRows][Tile::kColumns] = {};
    Stage<A, Tile, Tile::kM, Tile::kPitchA> stage_a;
    Stage<B, Tile, Tile::kN, Tile::kPitchB> stage_b;
    stage_a.locate(a, thread, group, first_row);
    stage_b.locate(b, thread, group, first_column);
    stage_a.fetch(a, thread, begin, end);
    stage_b.fetch(b, thread, begin, end);
    int buffer = 0;
    for (int k = begin; k < end; k += Tile::kDepth, buffer ^= 1) {
        const auto shared_a = reinterpret_cast<float (*)[Tile::kPitchA]>(raw_a[buffer]);
        const auto shared_b = reinterpret_cast<float (*)[Tile::kPitchB]>(raw_b[buffer]);
        stage_a.put(shared_a, thread);
        stage_b.put(shared_b, thread);
        __syncthreads();  // one barrier a step: the other buffer is written next, and all have left it by then
        if (k + Tile::kDepth < end) {
            stage_a.fetch(a, thread, k + Tile::kDepth, end);
            stage_b.fetch(b, thread, k + Tile::kDepth, end);
        }
#pragma unroll
        for (int t = 0; t < Tile::kDepth; ++t) {
            float rows[Tile::kRows], columns[Tile::kColumns];
            load_vectors<Tile::kRows, Tile::kM>(shared_a[t], thread_row, rows);
            load_vectors<Tile::kColumns, Tile::kN>(shared_b[t], thread_column, columns);
#pragma unroll
            for (int i = 0; i < Tile::kRows; ++i)
#pragma unroll
                for (int j = 0; j < Tile::kColumns; ++j) sum[i][j] = Term::add(rows[i], columns[j], sum[i][j]);
        }
    }
#pragma unroll
    for (int j = 0; j < Tile::kColumns; ++j) {
        const int column = first_column + element_of<Tile::kColumns, Tile::kN>(j, thread_column);
        if (column < s.columns) {
            const auto place = c.locate(group, slice, column);
#pragma unroll
            for (int i = 0; i < Tile::kRows; ++i) {
                const int row = first_row + element_of<Tile::kRows, Tile::kM>(i, thread_row);
                if (row < s.rows) c.store(place, row, sum[i][j]);
            }
        }
    }
}

template <class Term, class Tile, class A, class B, class C>
void launch_gemm(const GemmShape& s, const A& a, const B& b, const C& c) {
    const dim3 grid(static_cast<unsigned>(ceil_div(s.columns, Tile::kN)), static_cast<unsigned>(ceil_div(s.rows, Tile::kM)),
                    static_cast<unsigned>(s.groups * s.slices));
    launch(gemm_kernel<Term, Tile, A, B, C>, grid, dim3(Tile::kThreadsOfBlock), 0, current_stream(), s, a, b, c);
}

// The table of tiles. A tile that hangs over the edge does work for nothing, so few rows (filters of a small layer) take low tiles;
// of large matrices the largest tile loads least for each multiply-add.
//   rows     columns   tile          threads
//   <= 32    any       32 x 64 x 16  128, 4 x 4 sums each
//   > 64     > 64      128 x 128 x 8 256, 8 x 8 sums each
//   else               64 x 64 x 16  256, 4 x 4 sums each
template <class A, class B, class C>
void gemm(const GemmShape& s, const A& a, const B& b, const C& c) {
    if (s.rows == 0 || s.columns == 0 || s.groups == 0) return;
    if (s.rows <= 32) return launch_gemm<Product, GemmTile<32, 64, 16, 4, 4>>(s, a, b, c);
    if (s.rows > 64 && s.columns > 64) return launch_gemm<Product, GemmTile<128, 128, 8, 8, 8>>(s, a, b, c);
    launch_gemm<Product, GemmTile<64, 64, 16, 4, 4>>(s, a, b, c);
}

// Slices of the depth for a product with few tiles and a long sum (gradients of weights): about 256 blocks, two or more for each
// processor of most devices, of 256 terms at least. By the shape alone, so that the bits are the same on every device.
inline GemmShape with_slices(int64_t groups, int64_t rows, int64_t columns, int64_t depth) {
    const int64_t tiles = groups * ceil_div(rows, 64) * ceil_div(columns, 64);
    const int64_t wanted = std::clamp<int64_t>(256 / std::max<int64_t>(tiles, 1), 1, std::max<int64_t>(depth / 256, 1));
    const int64_t slice = std::max<int64_t>(ceil_div(ceil_div(depth, wanted), 16), 1) * 16;  // whole steps of every tile
    const auto number = [](int64_t n) { return static_cast<int>(n); };
    return {number(groups), number(rows), number(columns), number(depth), number(std::max<int64_t>(ceil_div(depth, slice), 1)),
            number(slice)};
}
inline GemmShape in_one_slice(int64_t groups, int64_t rows, int64_t columns, int64_t depth) {
    const auto number = [](int64_t n) { return static_cast<int>(n); };
    return {number(groups), number(rows), number(columns), number(depth), 1, number(std::max<int64_t>(depth, 1))};
}

// Rows of a matrix that are contiguous along the depth (kAlong), or columns that lie side by side at each step of it.
struct AlongDepth {
    static constexpr bool kAlongDepth = true;
    const float* data;
    int outer, depth;  // extents
    int64_t group_stride;

    struct Place {
        const float* row;  // null outside
    };
    __device__ Place locate(int group, int i) const {
        return {i < outer ? data + group * group_stride + static_cast<int64_t>(i) * depth : nullptr};
    }
    __device__ void load(const Place& p, int k, int end, float (&out)[4]) const {
        if (p.row && depth % 4 == 0 && k + 4 <= end) {  // k is a multiple of 4
            const float4 v = *reinterpret_cast<const float4*>(p.row + k);
            out[0] = v.x, out[1] = v.y, out[2] = v.z, out[3] = v.w;
            return;
        }
#pragma unroll
        for (int i = 0; i < 4; ++i) out[i] = p.row && k + i < end ? p.row[k + i] : 0.0f;
    }
};

struct AcrossDepth {
    static constexpr bool kAlongDepth = false;
    const float* data;
    int outer;  // columns, and the floats from one step of the depth to the next

    struct Place {
        int first;
    };
    __device__ Place locate(int, int i) const { return {i}; }
    __device__ void load(const Place& p, int k, int end, float (&out)[4]) const {
        const float* row = data + static_cast<int64_t>(k) * outer + p.first;
        if (k < end && outer % 4 == 0 && p.first < outer) {
            const float4 v = *reinterpret_cast<const float4*>(row);
            out[0] = v.x, out[1] = v.y, out[2] = v.z, out[3] = v.w;
            return;
        }
#pragma unroll
        for (int i = 0; i < 4; ++i) out[i] = k < end && p.first + i < outer ? row[i] : 0.0f;
    }
};

// c[slice][group][row][column], for as many slices as there are.
struct RowMajor {
    float* data;
    int groups, rows, columns;
    const float* row_bias;     // or null
    const float* column_bias;  // or null

    struct Place {
        float* column;
        float bias;
    };
    __device__ Place locate(int group, int slice, int column) const {
        const int64_t matrix = static_cast<int64_t>(slice) * groups + group;
        return {data + matrix * rows * columns + column, column_bias ? column_bias[column] : 0.0f};
    }
    __device__ void store(const Place& p, int row, float sum) const {
        p.column[static_cast<int64_t>(row) * columns] = sum + (row_bias ? row_bias[row] : p.bias);
    }
};

}  // namespace pycnn::cuda
