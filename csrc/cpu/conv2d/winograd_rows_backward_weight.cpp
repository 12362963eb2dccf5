// Backward-weight by Winograd's tiles of rows: dU[position] (K x W) = sum over tiles of Z (tile x K), transposed, times V (tile x W), where
// Z are the transformed gradients and V the transformed inputs; dw = G^T dU. Tiles are taken a chunk at a time: first all threads transform
// the chunk's tiles, then each adds to its own positions and columns of dU, so that the order of the sums depends on the shape alone.
#include "core/parallel.hpp"
#include "cpu/conv2d/full_width.hpp"
#include "cpu/conv2d/full_width_rows.hpp"
#include "cpu/conv2d/row_tiles.hpp"
#include "cpu/conv2d/winograd_rows.hpp"
#include "cpu/conv2d/winograd_tiles.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"
#include "cpu/long_products.hpp"

namespace pycnn {
namespace {

// V and Z of a chunk: 8 MiB, a part of L3. With rows of 300 numbers and 100 filters that is 839 tiles.
constexpr int64_t kChunkFloats = 2 << 20;
// Tiles of one sum in registers: 128 vectors of two lines of V, 16 KiB, stay in L1 while the filters pass.
constexpr int64_t kBlockTiles = 128;
// Tiles that a thread transforms, and panels of columns that it multiplies, at a time.
constexpr int64_t kTaskTiles = 16, kTaskPanels = 2;

}  // namespace

void conv2d_winograd_rows_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db) {
    const KernelTable& table = kernels();
    const RowWinogradKernels& winograd = row_winograd_of(table, s);
    const RowTiles tiles(s.N, s.P, winograd.tile);
    const int64_t v_pitch = channel_pitch(s.W), z_pitch = channel_pitch(s.K), rows_pitch = whole_lines(s.K);
    const int64_t count = tiles.count(), fitting = kChunkFloats / (kRowPositions * (v_pitch + z_pitch));
    const int64_t chunk = std::clamp<int64_t>(fitting, std::min(kBlockTiles, count), count);
    const int64_t v_position = chunk * v_pitch, z_position = chunk * z_pitch;
    const int64_t panels = ceil_div(s.W, table.nr), u_pitch = panels * table.nr, u_position = s.K * u_pitch + whole_lines(1);
    const Workspace<float> v(kRowPositions * v_position), z(kRowPositions * z_position), u(kRowPositions * u_position);
    const Workspace<float> rows(s.N * s.P * rows_pitch), zeros = row_of_zeros(std::max(s.W, s.K));
    const Workspace<int64_t> offsets(2 * chunk);
    int64_t *const v_offsets = offsets.data(), *const z_offsets = v_offsets + chunk;
    for (int64_t i = 0; i < chunk; ++i) v_offsets[i] = i * v_pitch, z_offsets[i] = i * z_pitch;
    parallel_ranges(s.N, 1, static_cast<double>(s.K * s.P), [&](int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; ++n)
            table.transpose(s.K, s.P, dy + n * s.K * s.P, s.P, rows.data() + n * s.P * rows_pitch, rows_pitch);
    });
    const ImageRows inputs{x, s.H, s.W, s.H * s.W, zeros.data()};
    const ImageRows gradients{rows.data(), s.P, rows_pitch, s.P * rows_pitch, zeros.data()};

    const Tiles filters(s.K, table.mr);
    const int64_t column_tasks = ceil_div(panels, kTaskPanels), tasks = kRowPositions * column_tasks;
    const int64_t u_size = kRowPositions * u_position;
    const LongSumAreas totals(ceil_div(count, chunk) * ceil_div(chunk, kBlockTiles), u_size, 1);
    LongSums sums(u.data(), 1, u_size, 0, totals.of(0));
    for (int64_t first = 0; first < count; first += chunk) {
        const int64_t some = std::min(chunk, count - first);
        const auto transform_work = static_cast<double>(4 * kRowPositions * (s.W + s.K));
        parallel_ranges(some, kTaskTiles, transform_work, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) {
                const int64_t image = tiles.image(first + i), row = tiles.row(first + i);
                transform_tile_rows(winograd.input, s.W, inputs, image, row - s.pad.top, kRowPositions, v.data() + i * v_pitch,
                                    v_position);
                transform_tile_rows(winograd.gradient, s.K, gradients, image, row, winograd.tile, z.data() + i * z_pitch,
                                    z_position);
            }
        });
        const Tiles blocks(some, kBlockTiles);
        sums.expect(blocks.count);
        const double work = static_cast<double>(some * kRowPositions) * static_cast<double>(s.K * s.W);
        parallel_for(tasks, team_size(tasks, work), [&](int64_t task, int) {
            const int64_t position = task / column_tasks, begin = task % column_tasks * kTaskPanels;
            for (int64_t block = 0; block < blocks.count; ++block)
                for (int64_t panel = begin; panel < std::min(begin + kTaskPanels, panels); ++panel) {
                    const int64_t column = panel * table.nr;
                    const int64_t vectors = ceil_div(std::min<int64_t>(table.nr, s.W - column), table.lanes);
                    for (int64_t k = 0; k < filters.count; ++k)
                        table.unpacked_gemm[filters.extent(k) - 1][vectors - 1](
                            blocks.extent(block), z.data() + position * z_position + filters.begin(k),
                            z_offsets + blocks.begin(block), 1, v.data() + position * v_position + column,
                            v_offsets + blocks.begin(block),
                            u.data() + position * u_position + filters.begin(k) * u_pitch + column, u_pitch, nullptr,
                            first + block > 0);
                }
        });
    }
    sums.finish();
    parallel_ranges(s.K, 4, static_cast<double>(4 * kRowPositions * s.W), [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k) {
            const float* from[kRowPositions];
            float* to[kMostRowTaps];
            for (int64_t i = 0; i < kRowPositions; ++i) from[i] = u.data() + i * u_position + k * u_pitch;
            for (int64_t r = 0; r < s.R; ++r) to[r] = dw + (k * s.R + r) * s.W;
            winograd.filter_gradient(s.W, from, to);
        }
    });
    sum_windows(table, s, dy, db);
    // A sum that is finite has no term that is not.
    if (table.sum(s.weights(), dw) * 0.0f != 0.0f) conv2d_full_width_backward_weight(s, dy, x, dw, db);
}

}  // namespace pycnn
