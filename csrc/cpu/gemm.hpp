// Matrix products on the micro-kernels: C = A B with A packed by row tiles, B wherever its vectors can be loaded from.
//
// Blocking (Goto, van de Geijn 2008), in the letters of BLIS (Van Zee, van de Geijn 2015): a block of B, KC x NC, stays in L2
// while the row tiles of A, MR x KC, go over it. A tile of 14 x 384 x 4 B = 21 KiB stays in L1 (32 KiB and more) while the
// block's vectors stream past it.
#pragma once

#include <cstdint>

#include "cpu/kernel_table.hpp"

namespace pycnn {

// The depth of a block at most. 384 holds AlexNet's first filters (3 x 11 x 11 = 363) in one block.
constexpr int64_t kKC = 384;
// Floats in one block of B, KC x NC: 256 KiB, half of the smallest L2 in use.
constexpr int64_t kPanelFloats = 64 * 1024;

// `size` cut into as few tiles of at most `most` as will do, of nearly equal size: 64 rows are 13+13+13+13+12, not
// 14+14+14+14+8.
struct Tiles {
    int64_t size, count;

    Tiles(int64_t size, int64_t most) : size(size), count((size + most - 1) / most) {}
    int64_t begin(int64_t tile) const { return tile * size / count; }
    int64_t extent(int64_t tile) const { return begin(tile + 1) - begin(tile); }
};

// C[i][j] += sum over k < depth of A[i][k] B[j][k] for i < rows, j < columns, tile by tile.
void multiply_transposed(const KernelTable& table, int64_t rows, int64_t columns, int64_t depth, const float* a, int64_t lda,
                         const float* b, int64_t ldb, float* c, int64_t ldc);

struct TileRange {
    int64_t begin, end;
};

// One block of B: row k of vector v is at data + offsets[k] + places[v].b.
struct BlockB {
    int64_t depth;
    const float* data;
    const int64_t* offsets;
    const VectorPlace* places;
    int64_t vectors;
};

// C (+)= A B for the row tiles of `range`. Tile t of A starts at a + begin(t) * depth and holds [depth][extent(t)].
// c points at row 0 of all tiles; bias likewise, or is null.
void multiply(const KernelTable& table, const Tiles& tiles, TileRange range, const float* a, const BlockB& b, float* c,
              int64_t ldc, const float* bias, bool accumulate);

// The packed layout of B: tiles of NR = 2 * lanes columns, each [depth][NR]; so offsets[k] = k * NR.
int64_t packed_floats(const KernelTable& table, int64_t depth, int64_t columns);
void packed_offsets(const KernelTable& table, int64_t depth, int64_t* offsets);
// Returns the number of vectors, ceil(columns / lanes).
int64_t packed_places(const KernelTable& table, int64_t depth, int64_t columns, VectorPlace* places);

// C (M x N, row-major) = A B, or += with `accumulate`: A by strides, B (K x N) row-major, or its transpose (N x K).
struct MatrixA {
    const float* data;
    int64_t row_stride, depth_stride;
};
struct MatrixB {
    const float* data;
    int64_t pitch;  // floats from one row in memory to the next
    bool transposed;
};
// The depth of a panel of a B that lies row by row. The 256 KiB of a panel then hold 512 columns: each row is read in a run of
// 2 KiB before the next one, which lies a page or more away.
constexpr int64_t kShallowBlock = 128;

// Tiles of A for one depth block.
void pack_a(const Tiles& tiles, const MatrixA& a, int64_t k0, int64_t depth, float* packed);
// Rows [k0, k0 + depth) and columns [j0, j0 + columns) of B into the packed layout; the last tile's missing columns become zeros.
void pack_b(const KernelTable& table, const MatrixB& b, int64_t k0, int64_t depth, int64_t j0, int64_t columns, float* packed);

void gemm(int64_t M, int64_t N, int64_t K, const MatrixA& a, const MatrixB& b, float* c, bool accumulate);

// C (M x N, row-major) += A B^T: A (M x K) and B (N x K) row-major, so both are contiguous along the sum.
void gemm_transposed(int64_t M, int64_t N, int64_t K, const float* a, const float* b, float* c);

// C[i][j] += sum over k of (A[i][k] - B[j][k])^2: the same shapes, and no cancellation as in |a|^2 - 2 a b + |b|^2.
void squared_distances(int64_t M, int64_t N, int64_t K, const float* a, const float* b, float* c);

}  // namespace pycnn
