// Matrix products on the micro-kernels: C = A B with A packed by row tiles and B packed by column tiles.
//
// Blocking (Goto, van de Geijn 2008): a panel of B, depth <= kDepthBlock, stays in L2 while the row tiles of A go over it. One
// tile of A is 14 rows x 256 x 4 B = 14 KiB and stays in L1 (32 KiB and more) while the panel's tiles stream past it.
#pragma once

#include <cstdint>

#include "cpu/kernel_table.hpp"

namespace pycnn {

constexpr int64_t kDepthBlock = 256;
// Floats in one panel of B: 192 KiB, under half of the smallest L2 in use (512 KiB).
constexpr int64_t kPanelFloats = 48 * 1024;

// `rows` cut into as few tiles as the kernels allow, of nearly equal height: 64 rows are 13+13+13+13+12, not 14+14+14+14+8.
struct RowTiles {
    int64_t rows, count;

    RowTiles(const KernelTable& table, int64_t rows)
        : rows(rows), count((rows + table.tile_rows - 1) / table.tile_rows) {}
    int64_t begin(int64_t tile) const { return tile * rows / count; }
    int64_t height(int64_t tile) const { return begin(tile + 1) - begin(tile); }
};

struct TileRange {
    int64_t begin, end;
};

// Element (i, k) of A, for k in [0, depth), is at a[i * row_stride + k * depth_stride]. Packs it by tiles: tile t starts at
// packed + begin(t) * depth and holds [depth][height(t)].
void pack_rows(const RowTiles& tiles, const float* a, int64_t row_stride, int64_t depth_stride, int64_t depth,
               float* packed);

// Floats of a panel of B with this many columns (tiles of two vectors; the last may be one).
int64_t panel_floats(const KernelTable& table, int64_t depth, int64_t columns);

// C[i][0, columns) for the rows of `range` = packed A x panel + (accumulate ? C : bias[i]).
// Tile j of the panel holds columns from j * 2 * lanes on and starts at panel + depth * j * 2 * lanes.
// c points at row 0 of all tiles, bias likewise (or is null).
void multiply_panel(const KernelTable& table, const RowTiles& tiles, TileRange range, int64_t depth,
                    const float* packed_a, const float* panel, int64_t columns, float* c, int64_t ldc,
                    const float* bias, bool accumulate);

// C (M x N, row-major) = A B: A by strides, B (K x N) row-major.
struct MatrixA {
    const float* data;
    int64_t row_stride, depth_stride;
};
void gemm(int64_t M, int64_t N, int64_t K, const MatrixA& a, const float* b, float* c);

// C (M x N, row-major) += A B^T: A (M x K) and B (N x K) row-major, so both are contiguous along the sum.
void gemm_transposed(int64_t M, int64_t N, int64_t K, const float* a, const float* b, float* c);

}  // namespace pycnn
