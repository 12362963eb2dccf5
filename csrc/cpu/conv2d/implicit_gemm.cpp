#include "cpu/conv2d/implicit_gemm.hpp"

#include <algorithm>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "core/shape.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"

namespace pycnn {
namespace {

// How the output plane and the sum are cut. Fixed by the problem's shape and the instruction set alone.
struct Plan {
    int64_t taps, depth, block_channels;  // of the sum: depth = channels * taps, a block has whole channels
    bool unpacked;
    int64_t band_rows, band_columns;  // of the output plane, a task's part: whole rows, or a piece of one row
    int64_t panel_rows;               // the rows of a band that are packed at a time
    int64_t bands_down, bands_across;
    int64_t row_parts;              // the filters are split only where there are few bands
    int64_t first_h, first_w;       // smallest displacements
    int64_t copy_rows, copy_pitch;  // of the padded copy of one channel's band
    int64_t copy_line, copy_plane;  // floats from one row, one channel of the copy to the next
    std::vector<int64_t> offsets;   // of each (channel, row tap, column tap) of a block in the copy

    Plan(const Correlation& p, Patches patches, const KernelTable& table, const Tiles& tiles);

    int64_t block_depth() const { return block_channels * taps; }
    int64_t bands() const { return bands_down * bands_across; }
    int64_t panel_vectors(int64_t lanes) const {
        return unpacked ? panel_rows * ceil_div(band_columns, lanes) : ceil_div(panel_rows * band_columns, lanes);
    }
};

Plan::Plan(const Correlation& p, Patches patches, const KernelTable& table, const Tiles& tiles) {
    taps = static_cast<int64_t>(p.dh.size() * p.dw.size());
    depth = p.channels * taps;
    const int64_t blocks = ceil_div(p.channels, std::max<int64_t>(kKC / taps, 1));
    block_channels = ceil_div(p.channels, blocks);

    unpacked = patches == Patches::unpacked;

    const auto [low_h, high_h] = std::minmax_element(p.dh.begin(), p.dh.end());
    const auto [low_w, high_w] = std::minmax_element(p.dw.begin(), p.dw.end());
    first_h = *low_h;
    first_w = *low_w;

    // A band takes as many rows as the padded copy has room for, a panel as many as its patches have. A row that alone takes
    // twice the room is cut.
    const int64_t span_w = *high_w - *low_w + 1;
    const int64_t copy_floats = block_channels * p.step_h * ((p.out_width - 1) * p.step_w + span_w);
    const int64_t panel_floats = unpacked ? 0 : block_depth() * p.out_width;
    bands_across = std::clamp<int64_t>(std::max(copy_floats, panel_floats) / (2 * kPanelFloats), 1,
                                       ceil_div(p.out_width, 4 * table.lanes));
    band_columns = ceil_div(p.out_width, bands_across);
    bands_across = ceil_div(p.out_width, band_columns);
    bands_down = bands_across > 1 ? p.out_height : ceil_div(p.out_height, std::max<int64_t>(kPanelFloats / copy_floats, 1));
    band_rows = ceil_div(p.out_height, bands_down);
    bands_down = ceil_div(p.out_height, band_rows);
    const int64_t panels = unpacked ? 1 : ceil_div(band_rows, std::max<int64_t>(kPanelFloats / panel_floats, 1));
    panel_rows = ceil_div(band_rows, panels);

    // Eight tasks balance a few cores; more parts would pack the same patches more often.
    row_parts = std::clamp<int64_t>(8 / std::max<int64_t>(p.images * p.groups * bands(), 1), 1, tiles.count);

    copy_rows = (band_rows - 1) * p.step_h + *high_h - *low_h + 1;
    copy_pitch = ceil_div((band_columns - 1) * p.step_w + *high_w - *low_w + 1, p.step_w);
    copy_line = p.step_w * copy_pitch;
    copy_plane = copy_rows * copy_line;
    for (int64_t c = 0; c < block_channels; ++c)
        for (int64_t h : p.dh)
            for (int64_t w : p.dw)
                offsets.push_back(c * copy_plane + (h - first_h) * copy_line + (w - first_w) % p.step_w * copy_pitch +
                                  (w - first_w) / p.step_w);
}

// Filters of all groups by depth blocks: block b of group g starts at packed + g * rows * depth + b.first * rows.
void pack_filters(const Correlation& p, const Plan& plan, const Tiles& tiles, float* packed) {
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
                    for (int64_t m = tiles.begin(t); m < tiles.begin(t + 1); ++m) *out++ = w[m * p.filter.row_stride];
                }
    });
}

// Part of the output plane: rows [i0, i0 + rows), columns [j0, j0 + columns).
struct Band {
    int64_t i0, rows, j0, columns;
    int64_t pixels() const { return rows * columns; }
};

struct WorkArea {
    float *copy, *panel, *result;
    Segment* segments;
    VectorPlace* places;
};

void copy_band(const Correlation& p, const Plan& plan, const KernelTable& table, const Band& band, const float* planes,
               int64_t channels, float* copy) {
    const PaddedCopy shape{
        p.height, p.width,        band.i0 * p.step_h + plan.first_h, band.j0 * p.step_w + plan.first_w, plan.copy_rows,
        p.step_w, plan.copy_pitch};
    for (int64_t c = 0; c < channels; ++c) table.pad_plane(shape, planes + c * p.height * p.width, copy + c * plan.copy_plane);
}

// Pieces of output rows, as vectors of the padded copy.
int64_t unpacked_places(const Correlation& p, const Plan& plan, const Band& band, int64_t lanes, VectorPlace* places) {
    int64_t v = 0;
    for (int64_t i = 0; i < band.rows; ++i)
        for (int64_t j = 0; j < band.columns; j += lanes, ++v)
            places[v] = {i * p.step_h * plan.copy_line + j, i * band.columns + j, std::min(lanes, band.columns - j)};
    return v;
}

// Cuts pixels [first, first + count) of the band, counted row by row, where a row ends.
int64_t cut_segments(const Correlation& p, const Plan& plan, const Band& band, int64_t first, int64_t count,
                     Segment* segments) {
    int64_t n = 0;
    for (int64_t done = 0; done < count; ++n) {
        const int64_t i = (first + done) / band.columns, j = (first + done) % band.columns;
        const int64_t length = std::min(band.columns - j, count - done);
        segments[n] = {i * p.step_h * plan.copy_line + j, done, length};
        done += length;
    }
    return n;
}

// The band's patches in the packed layout; `copy` is where its first row starts in the padded copy.
void pack_band(const Correlation& p, const Plan& plan, const KernelTable& table, const Band& band, int64_t depth,
               const float* copy, const WorkArea& area) {
    const int64_t width = table.nr;
    for (int64_t first = 0; first < band.pixels(); first += width) {
        const int64_t segments = cut_segments(p, plan, band, first, std::min(width, band.pixels() - first), area.segments);
        table.pack_rows(copy, plan.offsets.data(), depth, area.segments, segments, area.panel + depth * first, width);
    }
}

}  // namespace

void implicit_gemm(const Correlation& p, Patches patches) {
    if (p.images == 0 || p.out_height == 0 || p.out_width == 0) return;
    const KernelTable& table = kernels();
    const Tiles tiles(p.rows, table.mr);
    const Plan plan(p, patches, table, tiles);
    const Workspace<float> packed(p.groups * p.rows * plan.depth);
    pack_filters(p, plan, tiles, packed.data());
    const Workspace<int64_t> panel_offsets(plan.block_depth());
    packed_offsets(table, plan.block_depth(), panel_offsets.data());

    // Rows of a band are contiguous in the output unless outputs are spread (backward of a strided convolution).
    const bool dense = p.column_stride == 1 && (p.row_stride == p.out_width || plan.band_rows == 1);
    const int64_t pixels = plan.band_rows * plan.band_columns, lanes = table.lanes;
    const int64_t copy_size = whole_lines(plan.block_channels * plan.copy_plane + 2 * lanes);
    const int64_t panel_size =
        plan.unpacked ? 0 : packed_floats(table, plan.block_depth(), plan.panel_rows * plan.band_columns) + 2 * lanes;
    const int64_t result_size = dense ? 0 : whole_lines(p.rows * pixels);
    const int64_t segment_count = kNRVectors * lanes + 1;
    const int64_t place_count = plan.panel_vectors(lanes);

    const int64_t tasks = p.images * p.groups * plan.bands() * plan.row_parts;
    const int team = team_size(tasks, p.images * p.groups * p.rows * plan.depth * p.out_height * p.out_width);
    const int64_t area_size = copy_size + panel_size + result_size;
    const Workspace<float> areas(area_size * team);
    const Workspace<Segment> segments(segment_count * team);
    const Workspace<VectorPlace> places(place_count * team);

    parallel_for(tasks, team, [&](int64_t task, int thread) {
        const int64_t part = task % plan.row_parts, band_index = task / plan.row_parts % plan.bands();
        const int64_t image_group = task / plan.row_parts / plan.bands(), g = image_group % p.groups;
        const TileRange range{part * tiles.count / plan.row_parts, (part + 1) * tiles.count / plan.row_parts};
        Band band{band_index / plan.bands_across * plan.band_rows, 0, band_index % plan.bands_across * plan.band_columns, 0};
        band.rows = std::min(plan.band_rows, p.out_height - band.i0);
        band.columns = std::min(plan.band_columns, p.out_width - band.j0);

        float* base = areas.data() + area_size * thread;
        const WorkArea area{base, base + copy_size, base + copy_size + panel_size, segments.data() + segment_count * thread,
                            places.data() + place_count * thread};
        float* target = p.target + image_group * p.rows * p.plane + band.i0 * p.row_stride + band.j0 * p.column_stride;
        float* c = dense ? target : area.result;
        const int64_t ldc = dense ? p.plane : pixels;
        const float* bias = p.bias ? p.bias + g * p.rows : nullptr;
        for (int64_t c0 = 0; c0 < p.channels; c0 += plan.block_channels) {
            const int64_t channels = std::min(plan.block_channels, p.channels - c0), depth = channels * plan.taps;
            copy_band(p, plan, table, band, p.source + (image_group * p.channels + c0) * p.height * p.width, channels,
                      area.copy);
            for (int64_t i = 0; i < band.rows; i += plan.panel_rows) {
                const Band piece{band.i0 + i, std::min(plan.panel_rows, band.rows - i), band.j0, band.columns};
                const float* copy = area.copy + i * p.step_h * plan.copy_line;
                BlockB block{depth, copy, plan.offsets.data(), area.places, 0};
                if (plan.unpacked) {
                    block.vectors = unpacked_places(p, plan, piece, lanes, area.places);
                } else {
                    pack_band(p, plan, table, piece, depth, copy, area);
                    block.data = area.panel, block.offsets = panel_offsets.data();
                    block.vectors = packed_places(table, depth, piece.pixels(), area.places);
                }
                multiply(table, tiles, range, packed.data() + g * p.rows * plan.depth + c0 * plan.taps * p.rows, block,
                         c + i * band.columns, ldc, bias, c0 > 0);
            }
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
