#include "cpu/gemm.hpp"

#include <algorithm>
#include <cstring>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "core/shape.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/long_products.hpp"

namespace pycnn {

void multiply(const KernelTable& table, const Tiles& tiles, TileRange range, const float* a, const BlockB& b, float* c,
              int64_t ldc, const float* bias, bool accumulate) {
    for (int64_t t = range.begin; t < range.end; ++t) {
        const int64_t row = tiles.begin(t), height = tiles.extent(t);
        for (int64_t v = 0; v < b.vectors; v += kNRVectors) {
            const int64_t vectors = std::min<int64_t>(kNRVectors, b.vectors - v);
            table.gemm[height - 1][vectors - 1](b.depth, a + row * b.depth, b.data, b.offsets, b.places + v, c + row * ldc, ldc,
                                                bias ? bias + row : nullptr, accumulate);
        }
    }
}

namespace {

using DotKernels = DotKernel[kMaxDotTile][kMaxDotTile];

// C[i][j] += the sum that `tiles` take of row i of A and row j of B.
void sum_tiles(const KernelTable& table, const DotKernels& tiles, int64_t rows, int64_t columns, int64_t depth, const float* a,
               int64_t lda, const float* b, int64_t ldb, float* c, int64_t ldc) {
    const Tiles down(rows, table.dot_rows), across(columns, table.dot_columns);
    for (int64_t u = 0; u < across.count; ++u)
        for (int64_t t = 0; t < down.count; ++t) {
            const int64_t i = down.begin(t), j = across.begin(u);
            tiles[down.extent(t) - 1][across.extent(u) - 1](depth, a + i * lda, lda, b + j * ldb, ldb, c + i * ldc + j, ldc);
        }
}

// The same for large matrices without gaps between their rows, on all threads.
void sum_matrix(const KernelTable& table, const DotKernels& tiles, int64_t M, int64_t N, int64_t K, const float* a,
                const float* b, float* c) {
    // Both blocks of a chunk, 64 + 40 rows x 1024 x 4 B = 416 KiB, stay in L2. The horizontal sums at a tile's end cost about a
    // tenth of a chunk's 1024 / 16 steps.
    constexpr int64_t kChunk = 1024, kRows = 64;
    const int64_t columns = 8 * table.dot_columns;
    const int64_t tasks = (N + columns - 1) / columns;
    parallel_for(tasks, team_size(tasks, M * N * K), [&](int64_t task, int) {
        const int64_t j = task * columns, width = std::min(columns, N - j);
        for (int64_t k = 0; k < K; k += kChunk)
            for (int64_t i = 0; i < M; i += kRows)
                sum_tiles(table, tiles, std::min(kRows, M - i), width, std::min(kChunk, K - k), a + i * K + k, K, b + j * K + k,
                          K, c + i * N + j, N);
    });
}

}  // namespace

void multiply_transposed(const KernelTable& table, int64_t rows, int64_t columns, int64_t depth, const float* a, int64_t lda,
                         const float* b, int64_t ldb, float* c, int64_t ldc) {
    sum_tiles(table, table.dot, rows, columns, depth, a, lda, b, ldb, c, ldc);
}

int64_t packed_floats(const KernelTable& table, int64_t depth, int64_t columns) {
    const int64_t width = table.nr;
    return (columns + width - 1) / width * width * depth;
}

void packed_offsets(const KernelTable& table, int64_t depth, int64_t* offsets) {
    for (int64_t k = 0; k < depth; ++k) offsets[k] = k * table.nr;
}

int64_t packed_places(const KernelTable& table, int64_t depth, int64_t columns, VectorPlace* places) {
    int64_t v = 0;
    for (int64_t j = 0; j < columns; j += table.lanes, ++v) {
        const int64_t tile = v / kNRVectors, within = v % kNRVectors;
        places[v] = {(tile * kNRVectors * depth + within) * table.lanes, j, std::min<int64_t>(table.lanes, columns - j)};
    }
    return v;
}

void pack_a(const Tiles& tiles, const MatrixA& a, int64_t k0, int64_t depth, float* packed) {
    for (int64_t t = 0; t < tiles.count; ++t)
        for (int64_t k = k0; k < k0 + depth; ++k)
            for (int64_t i = tiles.begin(t); i < tiles.begin(t + 1); ++i)
                *packed++ = a.data[i * a.row_stride + k * a.depth_stride];
}

void pack_b(const KernelTable& table, const MatrixB& b, int64_t k0, int64_t depth, int64_t j0, int64_t columns, float* packed) {
    const int64_t width = table.nr;
    if (columns % width) std::fill_n(packed + columns / width * width * depth, depth * width, 0.0f);
    if (b.transposed) {
        for (int64_t j = 0; j < columns; j += width)
            table.transpose(std::min(width, columns - j), depth, b.data + (j0 + j) * b.pitch + k0, b.pitch, packed + j * depth,
                            width);
        return;
    }
    // Row by row, as the rows lie in memory.
    for (int64_t k = 0; k < depth; ++k)
        for (int64_t j = 0; j < columns; j += width)
            std::memcpy(packed + j * depth + k * width, b.data + (k0 + k) * b.pitch + j0 + j,
                        std::min(width, columns - j) * sizeof(float));
}

namespace {

// So few tiles of rows of C are added up without packing B: reading it, from L3 or memory, takes as long as their products, and packing it
// half as long again. On a core, a product with 2048 x 9216 weights takes 10 ms for 16 rows with AVX-512, and 13.5 ms when they are packed.
// With AVX2, whose tiles have two rows, packing is faster from 16 rows on.
constexpr int64_t kFewTiles = 4;
// Floats of a task's rows of C, 16 KiB: they stay in L1, and the rows of B beside them are runs of 1 KiB and more.
constexpr int64_t kRowFloats = 4096;
constexpr int64_t kWidestRows = 512;
constexpr int64_t kLine = 16;  // floats of a cache line

// Asks for rows of B that a task reads soon, into L2: a task reads pieces of its rows, each in another page, and at the start of each the
// processor does not yet know what comes next.
void prefetch_rows(const float* b, int64_t rows, int64_t pitch, int64_t columns) {
    for (int64_t k = 0; k < rows; ++k)
        for (int64_t j = 0; j < columns; j += kLine) __builtin_prefetch(b + k * pitch + j, 0, 2);
}

// gemm where A has few rows, contiguous along the sum, and the rows of B lie in memory.
void multiply_few_rows(const KernelTable& table, int64_t M, int64_t N, int64_t K, const MatrixA& a, const MatrixB& b,
                       float* c) {
    // Eight tasks or more, so that a few cores balance, but a call of the kernel has columns enough to be worth it.
    constexpr int64_t kLeastColumns = 128;
    const int64_t widest = std::clamp(kRowFloats / M / kLine * kLine, kLeastColumns, kWidestRows);
    const int64_t columns = std::clamp(whole_lines(N / 8), kLeastColumns, widest), tasks = ceil_div(N, columns);
    const int team = team_size(tasks, M * N * K);
    // Side by side: rows of C are often a power of two apart, and would meet in a few sets of L1.
    const Workspace<float> areas(M * columns * team);
    const LongSumAreas totals(K, M * columns, team, kProductRun);
    const Tiles tiles(M, table.product_rows);
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        const int64_t first = task * columns, count = std::min(columns, N - first);
        float* rows = areas.data() + M * columns * thread;
        std::fill_n(rows, M * columns, 0.0f);
        LongSums sums(rows, 1, M * columns, 0, totals.of(thread), kProductRun);
        constexpr int64_t kTerms = 4;  // what the kernel takes at a time: all tiles find it in L1
        for (int64_t k = 0; k < K; k += kTerms) {
            const int64_t depth = std::min(kTerms, K - k);
            sums.expect(depth);
            const int64_t next = k + depth;
            prefetch_rows(b.data + next * b.pitch + first, std::min(kTerms, K - next), b.pitch, count);
            for (int64_t t = 0; t < tiles.count; ++t)
                table.row_products[tiles.extent(t) - 1](depth, a.data + tiles.begin(t) * a.row_stride + k, a.row_stride, count,
                                                        b.data + k * b.pitch + first, b.pitch, rows + tiles.begin(t) * columns,
                                                        columns);
        }
        sums.finish();
        for (int64_t i = 0; i < M; ++i) std::copy_n(rows + i * columns, count, c + i * N + first);
    });
}

}  // namespace

void gemm(int64_t M, int64_t N, int64_t K, const MatrixA& a, const MatrixB& b, float* c, bool accumulate) {
    const KernelTable& table = kernels();
    if (M <= kFewTiles * table.product_rows && !b.transposed && a.depth_stride == 1 && !accumulate) {
        if (M > 0) multiply_few_rows(table, M, N, K, a, b, c);
        return;
    }
    const Tiles tiles(M, table.mr);
    const int64_t most_depth = std::min(K, b.transposed ? kKC : kShallowBlock);
    const int64_t blocks = ceil_div(K, most_depth);

    const Workspace<float> packed(M * K);
    parallel_for(blocks, team_size(blocks, M * K), [&](int64_t block, int) {
        const int64_t k = block * most_depth;
        pack_a(tiles, a, k, std::min(most_depth, K - k), packed.data() + k * M);
    });

    // Column blocks: eight or more, so that a few cores balance, but no wider than a panel holds.
    const int64_t tile = table.nr;
    const int64_t widest = kPanelFloats / most_depth / tile * tile;
    const int64_t columns = std::clamp(ceil_div(N / 8, tile) * tile, tile, widest);
    const int64_t tasks = ceil_div(N, columns);
    const int team = team_size(tasks, M * N * K);
    const int64_t panel_size = packed_floats(table, most_depth, columns);
    const Workspace<float> panels(panel_size * team);
    const Workspace<int64_t> offsets(most_depth);
    packed_offsets(table, most_depth, offsets.data());
    const int64_t place_count = ceil_div(columns, table.lanes);
    const Workspace<VectorPlace> places(place_count * team);
    const LongSumAreas totals(blocks, M * columns, team);
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        const int64_t first = task * columns, count = std::min(columns, N - first);
        float* panel = panels.data() + panel_size * thread;
        VectorPlace* place = places.data() + place_count * thread;
        LongSums sums(c + first, M, count, N, totals.of(thread));
        for (int64_t k = 0; k < K; k += most_depth) {
            const int64_t depth = std::min(most_depth, K - k);
            sums.expect();
            pack_b(table, b, k, depth, first, count, panel);
            const int64_t vectors = packed_places(table, depth, count, place);
            multiply(table, tiles, {0, tiles.count}, packed.data() + k * M, {depth, panel, offsets.data(), place, vectors},
                     c + first, N, nullptr, accumulate || k > 0);
        }
        sums.finish();
    });
}

void gemm_transposed(int64_t M, int64_t N, int64_t K, const float* a, const float* b, float* c) {
    sum_matrix(kernels(), kernels().dot, M, N, K, a, b, c);
}

void squared_distances(int64_t M, int64_t N, int64_t K, const float* a, const float* b, float* c) {
    sum_matrix(kernels(), kernels().distance, M, N, K, a, b, c);
}

}  // namespace pycnn
