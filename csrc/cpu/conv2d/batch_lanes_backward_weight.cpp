#include <algorithm>
#include <vector>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/batch_lanes.hpp"
#include "cpu/conv2d/interleaved_images.hpp"
#include "cpu/conv2d/weight_slices.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"
#include "cpu/long_products.hpp"

namespace pycnn {
namespace {

// Slices of the batch: enough for a few cores to balance.
constexpr int64_t kSlices = 8;

}  // namespace

// dw[k][c][r][s] is a dot product of a plane of dy with a plane of x, padded and moved by the tap. Lanes are images, so the
// sums of all lanes belong to it, and no operand is copied but for the transposition.
void backward_weight_of_interleaved(const ConvShape& s, const float* interleaved_dy, const float* x, float* dw, float* db) {
    const KernelTable& table = kernels();
    const int64_t block = block_images(table), blocks = ceil_div(s.N, block);
    const int64_t height = s.P + (s.R - 1) * s.dilation.h, width = s.Q + (s.S - 1) * s.dilation.w;  // of padded planes
    const int64_t x_size = s.C * height * width * block;
    const Workspace<float> padded(blocks * x_size);
    const int64_t left = std::max<int64_t>(-s.pad.left, 0), right = std::min(s.W, width - s.pad.left);
    parallel_ranges(blocks * s.C, 1, static_cast<double>(height * width * block), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const int64_t n = i / s.C, c = i % s.C;
            float* target = padded.data() + i * height * width * block;
            std::fill_n(target, height * width * block, 0.0f);
            // Rows and columns of the plane that lie inside the padded copy.
            for (int64_t h = std::max<int64_t>(-s.pad.top, 0); h < std::min(s.H, height - s.pad.top); ++h)
                Block(block, n, s.N)
                    .load(table, right - left, x + (c * s.H + h) * s.W + left, s.C * s.H * s.W,
                          target + ((h + s.pad.top) * width + left + s.pad.left) * block);
        }
    });

    std::vector<int64_t> columns;  // of (c, r, s) of a group, as in dw
    for (int64_t c = 0; c < s.group_inputs(); ++c)
        for (int64_t r = 0; r < s.R; ++r)
            for (int64_t t = 0; t < s.S; ++t)
                columns.push_back(((c * height + r * s.dilation.h) * width + t * s.dilation.w) * block);
    const int64_t row_length = s.group_inputs() * s.R * s.S, plane = s.P * s.Q * block;
    const Tiles down(s.group_outputs(), table.dot_rows), across(row_length, table.dot_columns);

    // A slice is some blocks, so that one core reads what it has interleaved itself; a task has some filters of one slice.
    const int64_t count = std::clamp<int64_t>(blocks, 1, std::min(kSlices, WeightSlices::most(s)));
    const WeightSlices slices(s, count, dw, db);
    slices.clear();
    const int64_t tasks = count * s.groups * down.count;
    const double work = static_cast<double>(s.N * s.P * s.Q) * static_cast<double>(s.weights());
    const int team = team_size(tasks, work);
    // A pixel has NR images, two vectors. Runs are whole rows, or of very long rows parts.
    const int64_t run_pixels = kProductRun / kNRVectors;
    const Tiles row_runs(s.P, std::max<int64_t>(run_pixels / s.Q, 1)), column_runs(s.Q, run_pixels);
    const LongSumAreas totals(ceil_div(blocks, count) * row_runs.count * column_runs.count, table.dot_rows * row_length, team);
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        const int64_t tile = task % down.count, g = task / down.count % s.groups, slice = task / down.count / s.groups;
        const int64_t filters = down.extent(tile), k = g * s.group_outputs() + down.begin(tile);
        float* slice_dw = slices.dw(slice) + k * row_length;
        LongSum* slice_db = slices.db(slice) + k;
        LongSums sums(slice_dw, filters, row_length, row_length, totals.of(thread));
        for (int64_t n = slice * blocks / count; n < (slice + 1) * blocks / count; ++n) {
            const float* images = padded.data() + n * x_size + g * s.group_inputs() * height * width * block;
            const float* gradients = interleaved_dy + (n * s.K + k) * plane;
            for (int64_t i = 0; i < row_runs.count * column_runs.count; ++i) {
                const int64_t row = i / column_runs.count, column = i % column_runs.count;
                const int64_t p = row_runs.begin(row), q = column_runs.begin(column);
                sums.expect();
                for (int64_t u = 0; u < across.count; ++u)
                    table.batch_reduce_dot[filters - 1][across.extent(u) - 1](
                        row_runs.extent(row), column_runs.extent(column) * block, gradients + (p * s.Q + q) * block, plane,
                        s.Q * block, images + (p * width + q) * block, columns.data() + across.begin(u), width * block,
                        slice_dw + across.begin(u), row_length);
            }
            for (int64_t i = 0; i < filters; ++i) slice_db[i].add(table.sum(plane, gradients + i * plane));
        }
        sums.finish();
    });
    slices.add_up();
}

void conv2d_batch_lanes_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db) {
    const Workspace<float> interleaved = interleaved_images(kernels(), s.N, s.K, s.P * s.Q, dy);
    backward_weight_of_interleaved(s, interleaved.data(), x, dw, db);
}

}  // namespace pycnn
