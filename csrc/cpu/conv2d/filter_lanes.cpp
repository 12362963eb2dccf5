#include "cpu/conv2d/filter_lanes.hpp"

#include <algorithm>
#include <memory>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"

namespace pycnn {
namespace {

// The sums of a task: 128 KiB. With the copy of its pixels (kPanelFloats, 256 KiB) and a panel of filters (384 x 2 vectors, 48 KiB)
// they stay in L2.
constexpr int64_t kResultFloats = 32 * 1024;
// Enough for a few cores to balance.
constexpr int64_t kTasks = 8;

// How the output plane, the sum and the filters are cut. Fixed by the problem's shape and the instruction set alone.
struct Plan {
    int64_t taps, depth, block_channels;       // of the sum: depth = channels * taps, a block has whole channels
    int64_t width, panels;                     // a panel has two vectors of filters
    int64_t first_h, first_w, span_h, span_w;  // of the displacements
    int64_t band_rows, band_columns;           // of the output plane, a task's part: whole rows, or a piece of one row
    int64_t bands_down, bands_across, parts;   // a task's filters are one of `parts`
    bool in_place;                             // no window meets the padding: pixels are read where they lie
    int64_t copy_rows, line, plane;            // floats from one row, one channel to the next
    std::vector<int64_t> offsets;              // of each (channel, row tap, column tap) of a block

    Plan(const ImplicitGemm& p, int64_t lanes) {
        taps = static_cast<int64_t>(p.dh.size() * p.dw.size());
        depth = p.channels * taps;
        block_channels = ceil_div(p.channels, ceil_div(p.channels, std::max<int64_t>(kDepthBlock / taps, 1)));
        width = kMaxTileVectors * lanes;
        panels = ceil_div(p.rows, width);

        const auto [low_h, high_h] = std::minmax_element(p.dh.begin(), p.dh.end());
        const auto [low_w, high_w] = std::minmax_element(p.dw.begin(), p.dw.end());
        first_h = *low_h, span_h = *high_h - *low_h + 1;
        first_w = *low_w, span_w = *high_w - *low_w + 1;
        in_place = first_h >= 0 && first_w >= 0 && (p.out_height - 1) * p.step_h + *high_h < p.height &&
                   (p.out_width - 1) * p.step_w + *high_w < p.width;

        // A row that alone takes twice the room is cut.
        const int64_t row_floats = block_channels * p.step_h * ((p.out_width - 1) * p.step_w + span_w);
        bands_across = std::clamp<int64_t>(std::max(row_floats / kPanelFloats, p.out_width * width / kResultFloats) / 2, 1,
                                           ceil_div(p.out_width, 4 * lanes));
        band_columns = ceil_div(p.out_width, bands_across);
        bands_across = ceil_div(p.out_width, band_columns);
        const int64_t most_rows = std::min(kPanelFloats / row_floats, kResultFloats / (width * band_columns));
        bands_down = bands_across > 1 ? p.out_height : ceil_div(p.out_height, std::max<int64_t>(most_rows, 1));
        band_rows = ceil_div(p.out_height, bands_down);
        bands_down = ceil_div(p.out_height, band_rows);
        const int64_t tasks = p.images * p.groups * bands_down * bands_across;
        parts = std::max(ceil_div(panels * width * band_rows * band_columns, kResultFloats), ceil_div(kTasks, tasks));
        parts = std::min(parts, panels);

        copy_rows = (band_rows - 1) * p.step_h + span_h;
        line = in_place ? p.width : (band_columns - 1) * p.step_w + span_w;
        plane = in_place ? p.height * p.width : copy_rows * line;
        for (int64_t c = 0; c < block_channels; ++c)
            for (int64_t h : p.dh)
                for (int64_t w : p.dw) offsets.push_back(c * plane + (h - first_h) * line + w - first_w);
    }
};

// Filters as [group][panel][channel, tap][2 vectors]; lanes without a filter are zero.
void pack_filters(const ImplicitGemm& p, const Plan& plan, const KernelTable& table, float* packed) {
    constexpr int64_t kChannels = 16;  // of a task
    const int64_t blocks = ceil_div(p.channels, kChannels), tasks = p.groups * plan.panels * blocks;
    const auto [first, last] = std::minmax_element(p.filter.tap_offsets.begin(), p.filter.tap_offsets.end());
    const int64_t low = *first, run = *last - *first + 1;
    parallel_for(tasks, team_size(tasks, p.groups * p.rows * plan.depth), [&](int64_t task, int) {
        const int64_t g = task / blocks / plan.panels, panel = task / blocks % plan.panels;
        const int64_t filters = std::min(plan.width, p.rows - panel * plan.width);
        const int64_t begin = task % blocks * kChannels, end = std::min(begin + kChannels, p.channels);
        const float* w = p.filter.data + g * p.filter.group_stride + panel * plan.width * p.filter.row_stride + low;
        float* out = packed + ((g * plan.panels + panel) * plan.depth + begin * plan.taps) * plan.width;
        std::fill_n(out, (end - begin) * plan.taps * plan.width, 0.0f);
        if (p.filter.channel_stride == plan.taps && run == plan.taps &&
            std::is_sorted(p.filter.tap_offsets.begin(), p.filter.tap_offsets.end())) {
            table.transpose(filters, (end - begin) * plan.taps, w + begin * plan.taps, p.filter.row_stride, out, plan.width);
            return;
        }
        const Workspace<float> turned(run * plan.width);
        for (int64_t c = begin; c < end; ++c) {
            table.transpose(filters, run, w + c * p.filter.channel_stride, p.filter.row_stride, turned.data(), plan.width);
            for (int64_t offset : p.filter.tap_offsets) {
                std::copy_n(turned.data() + (offset - low) * plan.width, filters, out);
                out += plan.width;
            }
        }
    });
}

// Part of the output plane: rows [i0, i0 + rows), columns [j0, j0 + columns).
struct Band {
    int64_t i0, rows, j0, columns;
};

// From [pixel][filter] to planes of the output, by way of `area` (a row of all filters) where its pixels are spread.
void write_band(const ImplicitGemm& p, const KernelTable& table, const Band& band, int64_t filters, const float* result,
                int64_t pitch, float* area, float* target) {
    target += band.i0 * p.row_stride + band.j0 * p.column_stride;
    if (p.column_stride == 1 && (p.row_stride == band.columns || band.rows == 1)) {
        table.transpose(band.rows * band.columns, filters, result, pitch, target, p.plane);
        return;
    }
    for (int64_t i = 0; i < band.rows; ++i, result += band.columns * pitch, target += p.row_stride) {
        if (p.column_stride == 1) {
            table.transpose(band.columns, filters, result, pitch, target, p.plane);
            continue;
        }
        table.transpose(band.columns, filters, result, pitch, area, band.columns);
        for (int64_t m = 0; m < filters; ++m)
            for (int64_t j = 0; j < band.columns; ++j) target[m * p.plane + j * p.column_stride] = area[m * band.columns + j];
    }
}

}  // namespace

bool fills_filter_lanes(int64_t filters) {
    const int64_t lanes = kernels().lanes;
    return 4 * filters >= 3 * lanes * ceil_div(filters, lanes);
}

namespace {

// A problem with its filters turned, cut into tasks for each image.
struct Prepared {
    const KernelTable& table;
    const ImplicitGemm& p;
    const Plan plan;
    const Tiles parts;
    const int64_t bands, image_tasks;
    const int64_t copy_size, result_size, area_size;  // floats of a task's work area
    const Workspace<float> packed, bias;
    std::vector<int64_t> filter_offsets;

    Prepared(const KernelTable& table, const ImplicitGemm& p)
        : table(table),
          p(p),
          plan(p, table.lanes),
          parts(plan.panels, ceil_div(plan.panels, plan.parts)),
          bands(plan.bands_down * plan.bands_across),
          image_tasks(p.groups * bands * parts.count),
          copy_size(plan.in_place ? 0 : whole_lines(plan.block_channels * plan.plane + table.lanes)),
          result_size(whole_lines(plan.band_rows * plan.band_columns * part_width())),
          area_size(copy_size + result_size + (p.column_stride == 1 ? 0 : whole_lines(plan.band_columns * part_width()))),
          packed(p.groups * plan.panels * plan.depth * plan.width),
          bias(p.groups * plan.panels * plan.width) {
        pack_filters(p, plan, table, packed.data());
        for (size_t k = 0; k < plan.offsets.size(); ++k) filter_offsets.push_back(static_cast<int64_t>(k) * plan.width);
        std::fill_n(bias.data(), p.groups * plan.panels * plan.width, 0.0f);
        if (p.bias)
            for (int64_t g = 0; g < p.groups; ++g)
                std::copy_n(p.bias + g * p.rows, p.rows, bias.data() + g * plan.panels * plan.width);
    }

    int64_t part_width() const { return ceil_div(plan.panels, parts.count) * plan.width; }

    void run(int64_t image, int64_t task, float* area) const {
        const int64_t part = task % parts.count, band_index = task / parts.count % bands, g = task / parts.count / bands;
        const int64_t image_group = image * p.groups + g;
        Band band{band_index / plan.bands_across * plan.band_rows, 0, band_index % plan.bands_across * plan.band_columns, 0};
        band.rows = std::min(plan.band_rows, p.out_height - band.i0);
        band.columns = std::min(plan.band_columns, p.out_width - band.j0);
        const int64_t first = parts.begin(part) * plan.width, pitch = parts.extent(part) * plan.width;
        const int64_t filters = std::min(pitch, p.rows - first);
        float *copy = area, *result = copy + copy_size, *row = result + result_size;

        for (int64_t i = 0; i < band.rows * band.columns; ++i)
            std::copy_n(bias.data() + g * plan.panels * plan.width + first, pitch, result + i * pitch);
        for (int64_t c0 = 0; c0 < p.channels; c0 += plan.block_channels) {
            const int64_t depth = std::min(plan.block_channels, p.channels - c0) * plan.taps;
            const float* pixels = find_pixels(band, image_group * p.channels + c0, depth / plan.taps, copy);
            for (int64_t column = 0; column < pitch; column += plan.width) {
                const int64_t vectors = ceil_div(std::min(plan.width, filters - column), table.lanes);
                const float* panel =
                    packed.data() + (g * plan.panels * plan.width + first + column) * plan.depth + c0 * plan.taps * plan.width;
                add_products(band, depth, pixels, panel, vectors, result + column, pitch);
            }
        }
        write_band(p, table, band, filters, result, pitch, row, p.target + (image_group * p.rows + first) * p.plane);
    }

private:
    // Where the windows of the band's first output begin, in the source or in a padded copy of it.
    const float* find_pixels(const Band& band, int64_t first_plane, int64_t channels, float* copy) const {
        const int64_t top = band.i0 * p.step_h + plan.first_h, left = band.j0 * p.step_w + plan.first_w;
        const float* planes = p.source + first_plane * p.height * p.width;
        if (plan.in_place) return planes + top * p.width + left;
        const PaddedCopy shape{p.height, p.width, top, left, plan.copy_rows, 1, plan.line};
        for (int64_t c = 0; c < channels; ++c) table.pad_plane(shape, planes + c * p.height * p.width, copy + c * plan.plane);
        return copy;
    }

    // result[pixel][filter] += the products of one panel of filters.
    void add_products(const Band& band, int64_t depth, const float* pixels, const float* panel, int64_t vectors, float* result,
                      int64_t pitch) const {
        const Tiles tiles(band.columns, table.tile_rows);
        for (int64_t i = 0; i < band.rows; ++i)
            for (int64_t t = 0; t < tiles.count; ++t)
                table.outer[tiles.extent(t) - 1][vectors - 1](
                    depth, pixels + i * p.step_h * plan.line + tiles.begin(t) * p.step_w, plan.offsets.data(), p.step_w, panel,
                    filter_offsets.data(), result + (i * band.columns + tiles.begin(t)) * pitch, pitch, nullptr, true);
    }
};

}  // namespace

void filter_lanes(const std::vector<ImplicitGemm>& problems) {
    const KernelTable& table = kernels();
    std::vector<std::unique_ptr<const Prepared>> prepared;
    int64_t images = 0, image_tasks = 0, area_size = 0;
    double work = 0;
    for (const ImplicitGemm& p : problems) {
        if (p.images == 0 || p.out_height == 0 || p.out_width == 0) continue;
        prepared.push_back(std::make_unique<const Prepared>(table, p));
        images = p.images;
        image_tasks += prepared.back()->image_tasks;
        area_size = std::max(area_size, prepared.back()->area_size);
        work += static_cast<double>(p.images * p.groups * p.rows * prepared.back()->plan.depth * p.out_height * p.out_width);
    }
    const int team = team_size(images * image_tasks, work);
    const Workspace<float> areas(area_size * team);
    parallel_for(images * image_tasks, team, [&](int64_t task, int thread) {
        int64_t rest = task % image_tasks;
        for (const auto& one : prepared) {
            if (rest < one->image_tasks) return one->run(task / image_tasks, rest, areas.data() + area_size * thread);
            rest -= one->image_tasks;
        }
    });
}

}  // namespace pycnn
