#include "cpu/conv2d/filter_lanes.hpp"

#include <algorithm>
#include <memory>
#include <vector>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/batch_lanes.hpp"
#include "cpu/conv2d/filter_lanes_plan.hpp"
#include "cpu/conv2d/pointwise_backward_weight.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"

namespace pycnn {
namespace {

// Part of the output plane: rows [i0, i0 + rows), columns [j0, j0 + columns).
struct Band {
    int64_t i0, rows, j0, columns;
};

// From [pixel][filter] to planes of the output, by way of `area` (a row of all filters) where its pixels are spread.
void write_band(const Correlation& p, const KernelTable& table, const Band& band, int64_t filters, const float* result,
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

// A problem with its filters packed, cut into tasks for each image.
struct Prepared {
    const KernelTable& table;
    const Correlation& p;
    const FilterLanesPlan plan;
    const Tiles parts;
    const int64_t bands, image_tasks;
    const int64_t copy_size, result_size, area_size;  // floats of a task's work area
    const Workspace<float> packed, bias;
    std::vector<int64_t> filter_offsets;

    Prepared(const KernelTable& table, const Correlation& p)
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
        const Tiles tiles(band.columns, table.mr);
        for (int64_t i = 0; i < band.rows; ++i)
            for (int64_t t = 0; t < tiles.count; ++t)
                table.unpacked_gemm[tiles.extent(t) - 1][vectors - 1](
                    depth, pixels + i * p.step_h * plan.line + tiles.begin(t) * p.step_w, plan.offsets.data(), p.step_w, panel,
                    filter_offsets.data(), result + (i * band.columns + tiles.begin(t)) * pitch, pitch, nullptr, true);
    }
};

// Several correlations of the same images, as the grids of a strided backward-input: all of one image before the next one, so
// that a cache line of the target that they share is filled while it is in the cache.
void correlate(const std::vector<Correlation>& problems) {
    const KernelTable& table = kernels();
    std::vector<std::unique_ptr<const Prepared>> prepared;
    int64_t images = 0, image_tasks = 0, area_size = 0;
    double work = 0;
    for (const Correlation& p : problems) {
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

// Whether `filters` fill their lanes well.
bool fill_lanes(int64_t filters) {
    const int64_t lanes = kernels().lanes;
    return 4 * filters >= 3 * lanes * ceil_div(filters, lanes);
}

// Shorter sums take less time than what they cost beside their products.
constexpr int64_t kLeastDepth = 100;

// Whether a sum of `depth` terms for `filters` is cheaper here than as `gemm`. Transposing the outputs back to planes costs as much as 30 terms.
// `gemm` packs a vector of patches in 3 cycles, 3 / filters of its products, and loses a share to copies sorted by phase and to the ends of
// planes: a tenth, three where fewer taps than phases read what was copied (1 x 1 with a stride of 2). With 16 registers a tile of 6 x 2
// vectors does only 12 multiply-adds, 6 cycles, for a line of pixels and one of filters from L1 or L2, which bind; `gemm` reads packed pixels
// and is faster from 64 filters on (AVX2, 1 x 1, 256 -> 1024: 80 % of the peak instead of 66; 512 -> 2048 on 7 x 7: 75 instead of 51; 3 x 3 of
// 32 filters: the same).
//
// Planes of fewer pixels than two tiles of `gemm` lose half: the pixels of a tile belong to several images, and it is computed aside (AVX-512,
// batch 16, GFLOP/s here and as `gemm`: 160 -> 960 on 3 x 3 94 and 83, dx of 576 -> 160 on 3 x 3 98 and 76, 192 -> 64 on 6 x 6 102 and 84).
bool costs_less_than_gemm(int64_t filters, int64_t depth, int64_t pixels, bool few_taps) {
    constexpr int kManyRows = 14, kManyFilters = 64;
    if (kernels().mr < kManyRows) return filters < kManyFilters && depth >= kLeastDepth;
    const double lost = pixels < 2 * kernels().nr ? 0.5 : few_taps ? 0.3 : 0.1, many = static_cast<double>(filters);
    return static_cast<double>(depth) * (3 + lost * many) >= 30 * many;
}

}  // namespace

// The grids of a strided backward-input share the lines of dx, which `gemm` fetches once a grid. Of dw nothing large is transposed. For filters
// of 3 x 3 and more batch lanes are as fast in dw where they suit (fewer taps: up to 1.6 times the time), and their bits are those of a
// convolution with pooling (cpu/conv2d/conv2d_pooled.cpp).
bool suits_filter_lanes(ConvPass pass, const ConvShape& s) {
    const bool input = pass == ConvPass::backward_input;
    if (!fill_lanes(input ? s.group_inputs() : s.group_outputs()) || suits_batch_lanes_best(pass, s)) return false;
    if (pass == ConvPass::backward_weight && suits_pointwise_backward_weight(s)) return false;
    const int64_t taps = s.R * s.S, grids = s.stride.h * s.stride.w;
    if (pass == ConvPass::backward_weight) return taps < 9 || !suits_batch_lanes(pass, s);
    if (!input) return costs_less_than_gemm(s.group_outputs(), s.group_inputs() * taps, s.P * s.Q, taps < grids);
    if (grids > 1 && taps > 1) return s.group_outputs() * taps / grids >= kLeastDepth;
    return costs_less_than_gemm(s.group_inputs(), s.group_outputs() * taps, s.P * s.Q, grids > 1);
}

void conv2d_filter_lanes(const ConvShape& s, const float* x, const float* w, const float* b, float* y) {
    correlate({forward_correlation(s, x, w, b, y)});
}

void conv2d_filter_lanes_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b) {
    correlate(backward_input_correlations(s, dy, w, dx, b));
}

}  // namespace pycnn
