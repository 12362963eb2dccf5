#include "cpu/implicit_gemm.hpp"

#include <algorithm>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"

namespace pycnn {
namespace {

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// How the output plane and the sum are cut. Fixed by the problem's shape and the instruction set alone.
struct Plan {
    int64_t taps, depth, block_channels;   // of the sum: depth = channels * taps, a block has whole channels
    int64_t band_rows, band_columns;       // of the output plane: whole rows, or a piece of one row
    int64_t bands_down, bands_across;
    int64_t row_parts;                     // the filters are split only where there are few bands
    int64_t first_h, first_w;              // smallest displacements
    int64_t copy_rows, copy_pitch;         // of the padded copy of one channel's band
    std::vector<int64_t> row_offsets, column_offsets;   // of each tap in that copy

    Plan(const ImplicitGemm& p, const RowTiles& tiles);

    int64_t block_depth() const { return block_channels * taps; }
    int64_t copy_plane(const ImplicitGemm& p) const { return copy_rows * p.step_w * copy_pitch; }
    int64_t bands() const { return bands_down * bands_across; }
};

Plan::Plan(const ImplicitGemm& p, const RowTiles& tiles) {
    taps = static_cast<int64_t>(p.dh.size() * p.dw.size());
    depth = p.channels * taps;
    block_channels = std::clamp<int64_t>(kDepthBlock / taps, 1, p.channels);

    // Pixels of a band: what the panel holds at this depth, at least 64 so that packing filters through L1 pays, at most 1024.
    const int64_t pixels = std::clamp<int64_t>(kPanelFloats / block_depth(), 64, 1024);
    bands_across = ceil_div(p.out_width, std::max(pixels, std::min<int64_t>(p.out_width, 256)));
    band_columns = ceil_div(p.out_width, bands_across);
    bands_down = bands_across > 1 ? p.out_height
                                  : ceil_div(p.out_height, std::max<int64_t>(pixels / p.out_width, 1));
    band_rows = ceil_div(p.out_height, bands_down);
    bands_down = ceil_div(p.out_height, band_rows);

    // Eight tasks balance a few cores; more parts would pack the same patches more often.
    row_parts = std::clamp<int64_t>(8 / std::max<int64_t>(p.images * p.groups * bands(), 1), 1, tiles.count);

    const auto [low_h, high_h] = std::minmax_element(p.dh.begin(), p.dh.end());
    const auto [low_w, high_w] = std::minmax_element(p.dw.begin(), p.dw.end());
    first_h = *low_h;
    first_w = *low_w;
    copy_rows = (band_rows - 1) * p.step_h + *high_h - *low_h + 1;
    copy_pitch = ceil_div((band_columns - 1) * p.step_w + *high_w - *low_w + 1, p.step_w);
    for (int64_t d : p.dh) row_offsets.push_back((d - first_h) * p.step_w * copy_pitch);
    for (int64_t d : p.dw) column_offsets.push_back((d - first_w) % p.step_w * copy_pitch + (d - first_w) / p.step_w);
}

// Filters of all groups by depth blocks: block b of group g starts at packed + g * rows * depth + b.first * rows.
void pack_filters(const ImplicitGemm& p, const Plan& plan, const RowTiles& tiles, float* packed) {
    const int64_t blocks = ceil_div(p.channels, plan.block_channels);
    const int64_t tasks = p.groups * blocks;
    parallel_for(tasks, team_size(tasks, p.groups * p.rows * plan.depth), [&](int64_t task, int) {
        const int64_t g = task / blocks, c0 = task % blocks * plan.block_channels;
        const int64_t channels = std::min(plan.block_channels, p.channels - c0);
        float* out = packed + g * p.rows * plan.depth + c0 * plan.taps * p.rows;
        for (int64_t t = 0; t < tiles.count; ++t)
            for (int64_t c = c0; c < c0 + channels; ++c)
                for (int64_t offset : p.filter.tap_offsets) {
                    const float* w = p.filter.data + g * p.filter.group_stride + c * p.filter.channel_stride + offset;
                    for (int64_t m = tiles.begin(t); m < tiles.begin(t + 1); ++m)
                        *out++ = w[m * p.filter.row_stride];
                }
    });
}

// One band of output pixels: where it lies and where a thread works on it.
struct Band {
    int64_t i0, rows, j0, columns;
    int64_t pixels() const { return rows * columns; }
};

struct WorkArea {
    float *copy, *panel, *result;
    Segment* segments;
};

// Cuts pixels [first, first + count) of the band, counted row by row, where a row ends. Offsets into the padded copy.
int64_t cut_segments(const ImplicitGemm& p, const Plan& plan, const Band& band, int lanes, int64_t first, int64_t count,
                     Segment* segments) {
    int64_t n = 0;
    for (int64_t done = 0; done < count; ++n) {
        const int64_t i = (first + done) / band.columns, j = (first + done) % band.columns;
        const int64_t length = std::min(band.columns - j, count - done);
        segments[n] = {i * p.step_h * p.step_w * plan.copy_pitch + j, done,
                       static_cast<int32_t>(ceil_div(length, lanes))};
        done += length;
    }
    return n;
}

void pack_band(const ImplicitGemm& p, const Plan& plan, const KernelTable& table, const Band& band,
               const float* planes, int64_t channels, const WorkArea& area) {
    const PaddedCopy copy{p.height,          p.width, band.i0 * p.step_h + plan.first_h,
                          band.j0 * p.step_w + plan.first_w, plan.copy_rows, p.step_w, plan.copy_pitch};
    const int64_t copy_plane = plan.copy_plane(p);
    for (int64_t c = 0; c < channels; ++c)
        table.pad_plane(copy, planes + c * p.height * p.width, area.copy + c * copy_plane);

    const PatchRows rows{area.copy,
                         channels,
                         copy_plane,
                         static_cast<int64_t>(p.dh.size()),
                         static_cast<int64_t>(p.dw.size()),
                         plan.row_offsets.data(),
                         plan.column_offsets.data()};
    const int64_t width = kMaxTileVectors * table.lanes, depth = channels * plan.taps;
    for (int64_t first = 0; first < band.pixels(); first += width) {
        const int64_t count = std::min(width, band.pixels() - first);
        const int64_t segments = cut_segments(p, plan, band, table.lanes, first, count, area.segments);
        table.pack_patches(rows, area.segments, segments, area.panel + depth * first,
                           ceil_div(count, table.lanes) * table.lanes);
    }
}

}  // namespace

void implicit_gemm(const ImplicitGemm& p) {
    if (p.images == 0 || p.out_height == 0 || p.out_width == 0) return;
    const KernelTable& table = kernels();
    const RowTiles tiles(table, p.rows);
    const Plan plan(p, tiles);
    const Buffer<float> packed(p.groups * p.rows * plan.depth);
    pack_filters(p, plan, tiles, packed.data());

    // Rows of a band are contiguous in the output unless outputs are spread (backward of a strided convolution).
    const bool dense = p.column_stride == 1 && (p.row_stride == p.out_width || plan.band_rows == 1);
    const int64_t pixels = plan.band_rows * plan.band_columns, lanes = table.lanes;
    const int64_t copy_size = whole_lines(plan.block_channels * plan.copy_plane(p) + 2 * lanes);
    const int64_t panel_size = whole_lines(panel_floats(table, plan.block_depth(), pixels) + 2 * lanes);
    const int64_t result_size = dense ? 0 : whole_lines(p.rows * pixels);
    const int64_t segment_count = plan.band_rows + kMaxTileVectors * lanes + 2;

    const int64_t tasks = p.images * p.groups * plan.bands() * plan.row_parts;
    const int team = team_size(tasks, p.images * p.groups * p.rows * plan.depth * p.out_height * p.out_width);
    const int64_t area_size = copy_size + panel_size + result_size;
    const Buffer<float> areas(area_size * team);
    const Buffer<Segment> segments(segment_count * team);

    parallel_for(tasks, team, [&](int64_t task, int thread) {
        const int64_t part = task % plan.row_parts, band_index = task / plan.row_parts % plan.bands();
        const int64_t image_group = task / plan.row_parts / plan.bands(), g = image_group % p.groups;
        const TileRange range{part * tiles.count / plan.row_parts, (part + 1) * tiles.count / plan.row_parts};
        Band band{band_index / plan.bands_across * plan.band_rows, 0,
                  band_index % plan.bands_across * plan.band_columns, 0};
        band.rows = std::min(plan.band_rows, p.out_height - band.i0);
        band.columns = std::min(plan.band_columns, p.out_width - band.j0);
        if (band.columns <= 0) return;

        float* base = areas.data() + area_size * thread;
        const WorkArea area{base, base + copy_size, base + copy_size + panel_size,
                            segments.data() + segment_count * thread};
        float* target =
            p.target + image_group * p.rows * p.plane + band.i0 * p.row_stride + band.j0 * p.column_stride;
        float* c = dense ? target : area.result;
        const int64_t ldc = dense ? p.plane : pixels;
        const float* bias = p.bias ? p.bias + g * p.rows : nullptr;
        for (int64_t c0 = 0; c0 < p.channels; c0 += plan.block_channels) {
            const int64_t channels = std::min(plan.block_channels, p.channels - c0);
            pack_band(p, plan, table, band,
                      p.source + (image_group * p.channels + c0) * p.height * p.width, channels, area);
            multiply_panel(table, tiles, range, channels * plan.taps,
                           packed.data() + g * p.rows * plan.depth + c0 * plan.taps * p.rows, area.panel,
                           band.pixels(), c, ldc, bias, c0 > 0);
        }
        if (dense) return;
        for (int64_t m = tiles.begin(range.begin); m < tiles.begin(range.end); ++m)
            for (int64_t i = 0; i < band.rows; ++i)
                for (int64_t j = 0; j < band.columns; ++j)
                    target[m * p.plane + i * p.row_stride + j * p.column_stride] =
                        area.result[m * pixels + i * band.columns + j];
    });
}

}  // namespace pycnn
