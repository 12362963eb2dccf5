#include "cpu/gemm.hpp"

#include <algorithm>
#include <cstring>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/dispatch.hpp"

namespace pycnn {

void pack_rows(const RowTiles& tiles, const float* a, int64_t row_stride, int64_t depth_stride, int64_t depth,
               float* packed) {
    for (int64_t t = 0; t < tiles.count; ++t) {
        const float* source = a + tiles.begin(t) * row_stride;
        const int64_t height = tiles.height(t);
        for (int64_t i = 0; i < height; ++i)
            for (int64_t k = 0; k < depth; ++k) packed[k * height + i] = source[i * row_stride + k * depth_stride];
        packed += height * depth;
    }
}

int64_t panel_floats(const KernelTable& table, int64_t depth, int64_t columns) {
    return depth * ((columns + table.lanes - 1) / table.lanes * table.lanes);
}

void multiply_panel(const KernelTable& table, const RowTiles& tiles, TileRange range, int64_t depth,
                    const float* packed_a, const float* panel, int64_t columns, float* c, int64_t ldc,
                    const float* bias, bool accumulate) {
    const int64_t width = kMaxTileVectors * table.lanes;
    alignas(kAlignment) float edge[kMaxTileRows * kMaxTileVectors * 16];
    for (int64_t t = range.begin; t < range.end; ++t) {
        const int64_t row = tiles.begin(t), height = tiles.height(t);
        const float* a = packed_a + row * depth;
        const float* tile_bias = bias ? bias + row : nullptr;
        for (int64_t j = 0; j < columns; j += width) {
            const int64_t valid = std::min(width, columns - j);
            const int64_t vectors = (valid + table.lanes - 1) / table.lanes, ldb = vectors * table.lanes;
            const GemmTile kernel = table.gemm[height - 1][vectors - 1];
            const float* b = panel + depth * j;
            float* target = c + row * ldc + j;
            if (valid == ldb) {
                kernel(depth, a, b, ldb, target, ldc, tile_bias, accumulate);
                continue;
            }
            // A tile that reaches over the edge is computed aside, whole, and its valid part copied.
            if (accumulate)
                for (int64_t i = 0; i < height; ++i) std::copy_n(target + i * ldc, valid, edge + i * ldb);
            kernel(depth, a, b, ldb, edge, ldb, tile_bias, accumulate);
            for (int64_t i = 0; i < height; ++i) std::copy_n(edge + i * ldb, valid, target + i * ldc);
        }
    }
}

namespace {

// Rows k of B, columns [first, first + columns), into the panel layout of multiply_panel.
void pack_columns(const KernelTable& table, const float* b, int64_t ldb, int64_t depth, int64_t columns, float* panel) {
    const int64_t width = kMaxTileVectors * table.lanes;
    for (int64_t j = 0; j < columns; j += width) {
        const int64_t valid = std::min(width, columns - j);
        const int64_t pitch = (valid + table.lanes - 1) / table.lanes * table.lanes;
        for (int64_t k = 0; k < depth; ++k, panel += pitch) {
            std::memcpy(panel, b + k * ldb + j, valid * sizeof(float));
            std::memset(panel + valid, 0, (pitch - valid) * sizeof(float));
        }
    }
}

}  // namespace

void gemm(int64_t M, int64_t N, int64_t K, const MatrixA& a, const float* b, float* c) {
    const KernelTable& table = kernels();
    const RowTiles tiles(table, M);
    const int64_t blocks = (K + kDepthBlock - 1) / kDepthBlock;

    const Buffer<float> packed(M * K);
    parallel_for(blocks, team_size(blocks, M * K), [&](int64_t block, int) {
        const int64_t k = block * kDepthBlock;
        pack_rows(tiles, a.data + k * a.depth_stride, a.row_stride, a.depth_stride, std::min(kDepthBlock, K - k),
                  packed.data() + k * M);
    });

    // Column blocks: eight or more, so that a few cores balance, but no wider than the panel holds.
    const int64_t tile = kMaxTileVectors * table.lanes;
    const int64_t widest = kPanelFloats / kDepthBlock / tile * tile;
    const int64_t columns = std::clamp((N / 8 + tile - 1) / tile * tile, tile, widest);
    const int64_t tasks = (N + columns - 1) / columns;
    const int team = team_size(tasks, M * N * K);
    const int64_t panel_size = panel_floats(table, std::min(K, kDepthBlock), columns);
    const Buffer<float> panels(panel_size * team);
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        const int64_t first = task * columns, count = std::min(columns, N - first);
        float* panel = panels.data() + panel_size * thread;
        for (int64_t k = 0; k < K; k += kDepthBlock) {
            const int64_t depth = std::min(kDepthBlock, K - k);
            pack_columns(table, b + k * N + first, N, depth, count, panel);
            multiply_panel(table, tiles, {0, tiles.count}, depth, packed.data() + k * M, panel, count, c + first, N,
                           nullptr, k > 0);
        }
    });
}

void gemm_transposed(int64_t M, int64_t N, int64_t K, const float* a, const float* b, float* c) {
    const KernelTable& table = kernels();
    // Both blocks of a chunk, 64 + 40 rows x 1024 x 4 B = 416 KiB, stay in L2. The horizontal sums at a tile's end cost about a
    // tenth of a chunk's 1024 / 16 steps.
    constexpr int64_t kChunk = 1024, kRows = 64;
    const int64_t columns = 8 * table.dot_columns;
    const int64_t tasks = (N + columns - 1) / columns;
    parallel_for(tasks, team_size(tasks, M * N * K), [&](int64_t task, int) {
        const int64_t first = task * columns, last = std::min(first + columns, N);
        for (int64_t k = 0; k < K; k += kChunk) {
            const int64_t depth = std::min(kChunk, K - k);
            for (int64_t i0 = 0; i0 < M; i0 += kRows)
                for (int64_t j = first; j < last; j += table.dot_columns) {
                    const int64_t width = std::min<int64_t>(table.dot_columns, last - j);
                    for (int64_t i = i0; i < std::min(i0 + kRows, M); i += table.dot_rows) {
                        const int64_t height = std::min<int64_t>(table.dot_rows, std::min(i0 + kRows, M) - i);
                        table.dot[height - 1][width - 1](depth, a + i * K + k, K, b + j * K + k, K, c + i * N + j, N,
                                                         true);
                    }
                }
        }
    });
}

}  // namespace pycnn
