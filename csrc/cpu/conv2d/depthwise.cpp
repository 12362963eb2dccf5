#include "cpu/conv2d/depthwise.hpp"

#include <algorithm>
#include <vector>

#include "core/long_sum.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/phase_taps.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"
#include "cpu/long_products.hpp"

namespace pycnn {
namespace {

// Enough weight gradients for a few cores to balance: images are cut into slices where there are fewer channels.
constexpr int64_t kTasks = 16;
// Channels whose weight gradients a task sums at a time: of 3 x 3 filters 9 KiB with AVX-512, a part of L1.
constexpr int64_t kBlockChannels = 16;

// Rows of outputs whose padded copy, `line` floats a row of the input, fits half of the smallest L2 in use.
int64_t band_rows(int64_t rows, int64_t line, int64_t stride, int64_t extent) {
    return std::clamp<int64_t>((kPanelFloats / line - extent) / stride + 1, 1, rows);
}

// The padded copy of a band of the input, with columns sorted by phase, and where each tap of output (0, 0) lies in it.
struct InputCopy {
    int64_t pitch, line, band, size;
    std::vector<int64_t> offsets;

    InputCopy(const ConvShape& s, const KernelTable& table) {
        const int64_t extent_h = (s.R - 1) * s.dilation.h + 1, extent_w = (s.S - 1) * s.dilation.w + 1;
        pitch = ceil_div((s.Q - 1) * s.stride.w + extent_w, s.stride.w);
        line = pitch * s.stride.w;
        band = band_rows(s.P, line, s.stride.h, extent_h);
        size = whole_lines(rows(s, band) * line + table.lanes);
        for (int64_t r = 0; r < s.R; ++r)
            for (int64_t t = 0; t < s.S; ++t) {
                const int64_t column = t * s.dilation.w;
                offsets.push_back(r * s.dilation.h * line + column % s.stride.w * pitch + column / s.stride.w);
            }
    }

    static int64_t rows(const ConvShape& s, int64_t outputs) {
        return (outputs - 1) * s.stride.h + (s.R - 1) * s.dilation.h + 1;
    }
    PlaneFilter filter(const ConvShape& s) const { return {s.R * s.S, offsets.data(), s.stride.h * line}; }

    // Calls f(first output row, output rows) with the copy of each band of the plane in `copy`.
    template <class F>
    void for_each_band(const ConvShape& s, const KernelTable& table, const float* plane, float* copy, F&& f) const {
        for (int64_t p = 0; p < s.P; p += band) {
            const int64_t count = std::min(band, s.P - p);
            table.pad_plane({s.H, s.W, p * s.stride.h - s.pad.top, -s.pad.left, rows(s, count), s.stride.w, pitch}, plane,
                            copy);
            f(p, count);
        }
    }
};

}  // namespace

bool is_depthwise(const ConvShape& s) { return s.group_inputs() == 1; }

// A matrix product loads a patch once for all filters of a group, and pays from about four on.
bool prefers_depthwise(const ConvShape& s) { return s.group_outputs() < 4; }

void conv2d_depthwise(const ConvShape& s, const float* x, const float* w, const float* b, float* y) {
    const KernelTable& table = kernels();
    const InputCopy copy(s, table);
    const PlaneFilter filter = copy.filter(s);
    const int64_t planes = s.N * s.C, filters = s.group_outputs();
    const int64_t grain = planes_per_task(s.H * s.W), tasks = ceil_div(planes, grain);
    const int team = team_size(tasks, static_cast<double>(s.N * s.P * s.Q) * static_cast<double>(s.weights()));
    const Workspace<float> areas(copy.size * team);
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        float* area = areas.data() + copy.size * thread;
        for (int64_t i = task * grain; i < std::min((task + 1) * grain, planes); ++i)
            copy.for_each_band(s, table, x + i * s.H * s.W, area, [&](int64_t p, int64_t rows) {
                for (int64_t m = 0; m < filters; ++m) {
                    const int64_t k = i % s.C * filters + m;
                    float* target = y + ((i / s.C * s.K + k) * s.P + p) * s.Q;
                    table.depthwise(filter, w + k * filter.taps, b ? b[k] : 0.0f, area, rows, s.Q, target);
                }
            });
    });
}

namespace {

// One of the stride.h x stride.w interleaved grids of dx: which taps reach it, and where in the copies of dy.
struct Grid {
    std::vector<int64_t> taps, offsets;
};

// What lies between the smallest and the largest displacement of any tap, over all phases of an axis.
struct Reach {
    std::vector<PhaseTaps> phases;
    int64_t first = 0, last = 0;

    Reach(int64_t phase_count, int64_t taps, int64_t stride, int64_t dilation, int64_t pad) {
        bool any = false;
        for (int64_t a = 0; a < phase_count; ++a) {
            phases.emplace_back(a, taps, stride, dilation, pad);
            for (int64_t d : phases.back().displacements) {
                first = any ? std::min(first, d) : d;
                last = any ? std::max(last, d) : d;
                any = true;
            }
        }
    }
};

}  // namespace

// As in cpu/conv2d.cpp, dx is stride.h x stride.w interleaved grids, each a stride-1 correlation of dy with some of the taps.
// The grids of one row phase are computed side by side, a row of each after the other, and then interleaved.
void conv2d_depthwise_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b) {
    const KernelTable& table = kernels();
    const int64_t filters = s.group_outputs(), filter_taps = s.R * s.S;
    const Pair phases{std::min(s.stride.h, s.H), std::min(s.stride.w, s.W)};
    const Reach rows(phases.h, s.R, s.stride.h, s.dilation.h, s.pad.top);
    const Reach columns(phases.w, s.S, s.stride.w, s.dilation.w, s.pad.left);
    const int64_t height = ceil_div(s.H, s.stride.h), width = ceil_div(s.W, s.stride.w);
    const int64_t pitch = width + columns.last - columns.first, extent = rows.last - rows.first + 1;
    const int64_t band = band_rows(height, pitch * filters, 1, extent);
    const int64_t copy_plane = (band + extent - 1) * pitch, copy_size = whole_lines(filters * copy_plane + table.lanes);
    const int64_t grid_plane = whole_lines(band * width + table.lanes), area_size = copy_size + phases.w * grid_plane;

    std::vector<Grid> grids(phases.h * phases.w);
    for (int64_t a = 0; a < phases.h; ++a)
        for (int64_t e = 0; e < phases.w; ++e)
            for (int64_t m = 0; m < filters; ++m)
                for (size_t r = 0; r < rows.phases[a].taps.size(); ++r)
                    for (size_t t = 0; t < columns.phases[e].taps.size(); ++t) {
                        Grid& grid = grids[a * phases.w + e];
                        grid.taps.push_back(m * filter_taps + rows.phases[a].taps[r] * s.S + columns.phases[e].taps[t]);
                        grid.offsets.push_back(m * copy_plane + (rows.phases[a].displacements[r] - rows.first) * pitch +
                                               columns.phases[e].displacements[t] - columns.first);
                    }

    const int64_t planes = s.N * s.C, grain = planes_per_task(s.H * s.W), tasks = ceil_div(planes, grain);
    const int team = team_size(tasks, static_cast<double>(s.N * s.P * s.Q) * static_cast<double>(s.weights()));
    const int64_t weights = filters * filter_taps;
    const bool in_place = s.stride.h == 1 && s.stride.w == 1;  // one grid, which is dx
    const Workspace<float> areas(area_size * team), tap_areas(weights * team);
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        float* copies = areas.data() + area_size * thread;
        float* results = copies + copy_size;
        float* taps = tap_areas.data() + weights * thread;
        for (int64_t i = task * grain; i < std::min((task + 1) * grain, planes); ++i) {
            const int64_t c = i % s.C;
            const float bias = b ? b[c] : 0.0f;
            for (int64_t i0 = 0; i0 < height; i0 += band) {
                for (int64_t m = 0; m < filters; ++m)
                    table.pad_plane(
                        {s.P, s.Q, i0 + rows.first, columns.first, std::min(band, height - i0) + extent - 1, 1, pitch},
                        dy + (i * filters + m) * s.P * s.Q, copies + m * copy_plane);
                for (int64_t a = 0; a < phases.h; ++a) {
                    // Rows a, a + stride.h, ... of dx: the last phases may have one row less.
                    const int64_t count = std::min(band, ceil_div(s.H - a, s.stride.h) - i0);
                    float* target = dx + (i * s.H + i0 * s.stride.h + a) * s.W;
                    for (int64_t e = 0; e < phases.w; ++e) {
                        const Grid& grid = grids[a * phases.w + e];
                        for (size_t k = 0; k < grid.taps.size(); ++k) taps[k] = w[c * weights + grid.taps[k]];
                        table.depthwise({static_cast<int64_t>(grid.taps.size()), grid.offsets.data(), pitch}, taps, bias,
                                        copies, count, width, in_place ? target : results + e * grid_plane);
                    }
                    for (int64_t h = 0; h < count && !in_place; ++h)
                        table.join_phases(phases.w, results + h * width, grid_plane, s.W, target + h * s.stride.h * s.W);
                }
            }
        }
    });
}

namespace {

// Parts of a band of gradients in each of which a lane makes one run: whole rows, or of very long rows parts.
struct Runs {
    int64_t columns, row_additions, rows;  // at most; additions of a lane in a row of a part

    Runs(int64_t width, int64_t lanes)
        : columns(std::min(width, kProductRun * lanes)),
          row_additions(ceil_div(columns, lanes)),
          rows(kProductRun / row_additions) {}

    // Calls f(first row, rows, first column, columns) for each part.
    template <class F>
    void for_each(int64_t height, int64_t width, F&& f) const {
        for (int64_t p = 0; p < height; p += rows)
            for (int64_t q = 0; q < width; q += columns) f(p, std::min(rows, height - p), q, std::min(columns, width - q));
    }
};

}  // namespace

// A task is (slice of the images, block of channels). Its sums stay spread over lanes until all its images are done; of an image
// it reads the planes of the block, which are neighbours in memory.
void conv2d_depthwise_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db) {
    const KernelTable& table = kernels();
    const InputCopy copy(s, table);
    const PlaneFilter filter = copy.filter(s);
    const int64_t filters = s.group_outputs(), weights = s.K * filter.taps;
    const int64_t slices = std::clamp<int64_t>(ceil_div(kTasks, s.C), 1, s.N);
    const int64_t block = std::clamp<int64_t>(s.C / kTasks, 1, kBlockChannels), blocks = ceil_div(s.C, block);
    const int64_t lane_sums = filters * filter.taps * table.lanes;  // of a channel
    const int64_t area_size = copy.size + whole_lines(block * lane_sums);
    const int64_t tasks = slices * blocks;
    const int team = team_size(tasks, static_cast<double>(s.N * s.P * s.Q) * static_cast<double>(s.weights()));
    const Workspace<float> areas(area_size * team);
    const Workspace<float> partial(slices * weights);
    const Workspace<LongSum> biases(slices * s.K);
    std::fill_n(biases.data(), slices * s.K, LongSum{});
    const Runs runs(s.Q, table.lanes);
    const int64_t additions = ceil_div(s.N, slices) * s.P * ceil_div(s.Q, runs.columns) * runs.row_additions;
    const LongSumAreas totals(additions, block * lane_sums, team, kProductRun);

    parallel_for(tasks, team, [&](int64_t task, int thread) {
        const int64_t slice = task / blocks, first = task % blocks * block, last = std::min(first + block, s.C);
        float* area = areas.data() + area_size * thread;
        float* sums = area + copy.size;
        float* slice_dw = partial.data() + slice * weights + first * filters * filter.taps;
        LongSum* slice_db = biases.data() + slice * s.K;
        std::fill_n(sums, (last - first) * lane_sums, 0.0f);
        std::vector<LongSums> long_sums;  // of each channel
        for (int64_t c = 0; c < last - first; ++c) {
            double* channel_totals = totals.of(thread);
            if (channel_totals != nullptr) channel_totals += c * lane_sums;
            long_sums.emplace_back(sums + c * lane_sums, 1, lane_sums, 0, channel_totals, kProductRun);
        }
        for (int64_t n = slice * s.N / slices; n < (slice + 1) * s.N / slices; ++n)
            for (int64_t c = first; c < last; ++c)
                copy.for_each_band(s, table, x + (n * s.C + c) * s.H * s.W, area, [&](int64_t p, int64_t rows) {
                    const float* gradients = dy + ((n * s.K + c * filters) * s.P + p) * s.Q;
                    runs.for_each(rows, s.Q, [&](int64_t i, int64_t height, int64_t j, int64_t width) {
                        long_sums[c - first].expect(height * runs.row_additions);
                        for (int64_t m = 0; m < filters; ++m)
                            table.depthwise_gradient(filter, area + i * filter.pitch + j, height, width,
                                                     gradients + m * s.P * s.Q + i * s.Q + j,
                                                     sums + (c - first) * lane_sums + m * filter.taps * table.lanes);
                    });
                    for (int64_t m = 0; m < filters; ++m)
                        slice_db[c * filters + m].add(table.sum(rows * s.Q, gradients + m * s.P * s.Q));
                });
        for (LongSums& channel : long_sums) channel.finish();
        for (int64_t k = 0; k < (last - first) * filters * filter.taps; ++k)
            slice_dw[k] = table.sum(table.lanes, sums + k * table.lanes);
    });

    std::copy_n(partial.data(), weights, dw);
    for (int64_t k = 0; k < s.K; ++k) db[k] = biases.data()[k].value();
    for (int64_t slice = 1; slice < slices; ++slice) {
        for (int64_t k = 0; k < weights; ++k) dw[k] += partial.data()[slice * weights + k];
        for (int64_t k = 0; k < s.K; ++k) db[k] += biases.data()[slice * s.K + k].value();
    }
}

}  // namespace pycnn
