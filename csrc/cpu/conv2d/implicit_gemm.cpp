#include "cpu/conv2d/implicit_gemm.hpp"

#include <algorithm>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "core/shape.hpp"
#include "cpu/conv2d/band_copy.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"

namespace pycnn {
namespace {

constexpr int64_t kMostLanes = 16;  // of any instruction set
// A packed panel: 128 KiB, a quarter of the smallest L2 in use, beside the copy that it is packed from. With blocks of 384 terms it holds 85
// pixels, so a row tile of the filters that comes from L3 feeds 85 / 16 cycles of multiply-adds a float.
constexpr int64_t kPackedFloats = 32 * 1024;
// Tasks that balance a few cores; more would pack the same patches, or fetch the same filters, more often.
constexpr int64_t kTasks = 8;

// A part of the filters has at least so many where several images make a task: packing a vector costs about 3 cycles, its products 64.
constexpr int64_t kPartRows = 64;
// Pixels of several images at most: a last vector of which one lane counts costs 1 / 32 of them (16 lanes).
constexpr int64_t kImagePixels = 512;

// How the output planes and the sum are cut. Fixed by the problem's shape and the instruction set alone.
struct Plan {
    int64_t taps, depth, block_channels;  // of the sum: depth = channels * taps, a block has whole channels
    bool unpacked;
    int64_t band_rows, band_columns;  // of the output plane, a task's part: whole rows, or a piece of one row
    int64_t bands_down, bands_across;
    int64_t band_images;   // of a task: more than one where it has whole planes, so that vectors run over their ends
    int64_t row_parts;     // the filters are split only where there are few bands
    int64_t panel_pixels;  // packed at a time: whole tiles

    Plan(const Correlation& p, Patches patches, const KernelTable& table, const Tiles& tiles);

    int64_t block_depth() const { return block_channels * taps; }
    int64_t bands() const { return bands_down * bands_across; }
    int64_t pixels() const { return band_images * band_rows * band_columns; }
};

Plan::Plan(const Correlation& p, Patches patches, const KernelTable& table, const Tiles& tiles) {
    taps = static_cast<int64_t>(p.dh.size() * p.dw.size());
    depth = p.channels * taps;
    block_channels = channels_of_block(p.channels, taps);
    unpacked = patches == Patches::unpacked;

    const auto [low_w, high_w] = std::minmax_element(p.dw.begin(), p.dw.end());

    // A band takes as many rows as the padded copy has room for. A row that alone takes twice the room is cut.
    const int64_t span_w = *high_w - *low_w + 1;
    const int64_t copy_floats = block_channels * p.step_h * ((p.out_width - 1) * p.step_w + span_w);
    bands_across = std::clamp<int64_t>(copy_floats / (2 * kPanelFloats), 1, ceil_div(p.out_width, 4 * table.lanes));
    band_columns = ceil_div(p.out_width, bands_across);
    bands_across = ceil_div(p.out_width, band_columns);
    const int64_t most_rows = std::max<int64_t>(kPanelFloats / copy_floats, 1);
    bands_down = bands_across > 1 ? p.out_height : ceil_div(p.out_height, most_rows);
    band_rows = ceil_div(p.out_height, bands_down);
    bands_down = ceil_div(p.out_height, band_rows);
    panel_pixels = std::max<int64_t>(kPackedFloats / block_depth() / table.nr, 1) * table.nr;
    band_images = 1;
    if (!unpacked && bands() == 1) {
        const int64_t most_parts = std::max<int64_t>(p.rows / kPartRows, 1);
        const int64_t most = std::min(p.images, std::max<int64_t>(p.images * p.groups * most_parts / kTasks, 1));
        const int64_t fitting = 2 * kPanelFloats / (band_rows * copy_floats);
        band_images = std::clamp<int64_t>(std::min(fitting, kImagePixels / (band_rows * band_columns)), 1, most);
        band_images = ceil_div(p.images, ceil_div(p.images, band_images));
    }
    row_parts = std::clamp<int64_t>(kTasks / std::max<int64_t>(ceil_div(p.images, band_images) * p.groups * bands(), 1), 1,
                                    tiles.count);
}

// Filters of all groups by depth blocks: block b of group g starts at packed + g * rows * depth + b.first * rows.
void pack_filters(const Correlation& p, const Plan& plan, const KernelTable& table, const Tiles& tiles, float* packed) {
    const int64_t blocks = ceil_div(p.channels, plan.block_channels);
    const int64_t tasks = p.groups * blocks * tiles.count;
    const std::vector<int64_t>& taps = p.filter.tap_offsets;
    const bool side_by_side = p.filter.channel_stride == plan.taps && std::is_sorted(taps.begin(), taps.end()) &&
                              taps.back() - taps.front() + 1 == plan.taps;
    parallel_for(tasks, team_size(tasks, p.groups * p.rows * plan.depth), [&](int64_t task, int) {
        const int64_t t = task % tiles.count, block = task / tiles.count % blocks, g = task / tiles.count / blocks;
        const int64_t c0 = block * plan.block_channels, channels = std::min(plan.block_channels, p.channels - c0);
        const int64_t row = tiles.begin(t), height = tiles.extent(t);
        float* out = packed + g * p.rows * plan.depth + c0 * plan.taps * p.rows + row * channels * plan.taps;
        const float* w = p.filter.data + g * p.filter.group_stride + c0 * p.filter.channel_stride + row * p.filter.row_stride;
        if (side_by_side) return table.transpose(height, channels * plan.taps, w + taps[0], p.filter.row_stride, out, height);
        for (int64_t c = 0; c < channels; ++c, w += p.filter.channel_stride)
            for (int64_t offset : taps)
                for (int64_t m = 0; m < height; ++m) *out++ = w[offset + m * p.filter.row_stride];
    });
}

struct WorkArea {
    float *copy, *panel, *result;
    Segment* segments;
    VectorPlace* places;
};

// Pieces of output rows, as vectors of the padded copy.
int64_t unpacked_places(const BandCopy& copy, const Band& band, int64_t lanes, VectorPlace* places) {
    int64_t v = 0;
    for (int64_t i = 0; i < band.rows; ++i)
        for (int64_t j = 0; j < band.columns; j += lanes, ++v)
            places[v] = {i * copy.row_step + j, i * band.columns + j, std::min(lanes, band.columns - j)};
    return v;
}

// Where the sums of a task go: pixel j of its image n and filter m to c + m * ldc + n * image + j.
struct Target {
    float* c;
    int64_t ldc, image, plane;  // plane: pixels of an image
    const float* bias;          // of each filter, or null
};

// Adds the products of pixels [first, first + count), packed in `panel`, to C (or to the bias). A tile whose pixels belong to several images
// is computed aside.
void multiply_pixels(const KernelTable& table, const Tiles& tiles, TileRange range, const float* filters, int64_t depth,
                     const float* panel, const int64_t* offsets, int64_t first, int64_t count, const Target& to,
                     bool accumulate) {
    float aside[kMaxMR * kNRVectors * kMostLanes];
    for (int64_t v = 0; v < count; v += table.nr) {
        const int64_t width = std::min<int64_t>(table.nr, count - v), n = (first + v) / to.plane, j = (first + v) % to.plane;
        const int64_t lanes = std::min<int64_t>(table.lanes, width), vectors = width > table.lanes ? 2 : 1;
        const VectorPlace places[kNRVectors] = {{v * depth, 0, lanes}, {v * depth + lanes, lanes, width - lanes}};
        for (int64_t t = range.begin; t < range.end; ++t) {
            const int64_t row = tiles.begin(t), height = tiles.extent(t);
            const float *tile = filters + row * depth, *bias = to.bias ? to.bias + row : nullptr;
            const GemmKernel kernel = table.gemm[height - 1][vectors - 1];
            float* c = to.c + row * to.ldc;
            if (j + width <= to.plane) {
                kernel(depth, tile, panel, offsets, places, c + n * to.image + j, to.ldc, bias, accumulate);
                continue;
            }
            kernel(depth, tile, panel, offsets, places, aside, table.nr, nullptr, false);
            for (int64_t done = 0, length = 0; done < width; done += length) {
                const int64_t image = (first + v + done) / to.plane, pixel = (first + v + done) % to.plane;
                length = std::min(to.plane - pixel, width - done);
                float* part = c + image * to.image + pixel;
                for (int64_t i = 0; i < height; ++i)
                    for (int64_t k = 0; k < length; ++k) {
                        const float start = accumulate ? part[i * to.ldc + k] : bias ? bias[i] : 0.0f;
                        part[i * to.ldc + k] = start + aside[i * table.nr + done + k];
                    }
            }
        }
    }
}

}  // namespace

void implicit_gemm(const Correlation& p, Patches patches) {
    if (p.images == 0 || p.out_height == 0 || p.out_width == 0) return;
    const KernelTable& table = kernels();
    const Tiles tiles(p.rows, table.mr);
    const Plan plan(p, patches, table, tiles);
    const BandCopy copy(p, plan.block_channels, plan.band_rows, plan.band_columns);
    const Workspace<float> packed(p.groups * p.rows * plan.depth);
    pack_filters(p, plan, table, tiles, packed.data());
    const Workspace<int64_t> panel_offsets(plan.block_depth());
    packed_offsets(table, plan.block_depth(), panel_offsets.data());

    // Rows of a band are contiguous in the output unless outputs are spread (backward of a strided convolution).
    const bool dense = p.column_stride == 1 && (p.row_stride == p.out_width || plan.band_rows == 1);
    const int64_t lanes = table.lanes, image_size = plan.block_channels * copy.plane;
    const int64_t copy_size = whole_lines(plan.band_images * image_size + 2 * lanes);
    const int64_t panel_size = plan.unpacked ? 0 : plan.panel_pixels * plan.block_depth() + 2 * lanes;
    const int64_t result_size = dense ? 0 : whole_lines(p.rows * plan.pixels());
    const int64_t segment_count = kNRVectors * lanes + 1;
    const int64_t place_count = plan.unpacked ? plan.band_rows * ceil_div(plan.band_columns, lanes) : 0;

    const int64_t tasks = ceil_div(p.images, plan.band_images) * p.groups * plan.bands() * plan.row_parts;
    const int team = team_size(tasks, p.images * p.groups * p.rows * plan.depth * p.out_height * p.out_width);
    const int64_t area_size = copy_size + panel_size + result_size;
    const Workspace<float> areas(area_size * team);
    const Workspace<Segment> segments(segment_count * team);
    const Workspace<VectorPlace> places(place_count * team);

    parallel_for(tasks, team, [&](int64_t task, int thread) {
        const int64_t part = task % plan.row_parts, band_index = task / plan.row_parts % plan.bands();
        const int64_t images_group = task / plan.row_parts / plan.bands(), g = images_group % p.groups;
        const int64_t first_image = images_group / p.groups * plan.band_images;
        const int64_t images = std::min(plan.band_images, p.images - first_image);
        const TileRange range{part * tiles.count / plan.row_parts, (part + 1) * tiles.count / plan.row_parts};
        Band band{band_index / plan.bands_across * plan.band_rows, 0, band_index % plan.bands_across * plan.band_columns, 0};
        band.rows = std::min(plan.band_rows, p.out_height - band.i0);
        band.columns = std::min(plan.band_columns, p.out_width - band.j0);

        float* base = areas.data() + area_size * thread;
        const WorkArea area{base, base + copy_size, base + copy_size + panel_size, segments.data() + segment_count * thread,
                            places.data() + place_count * thread};
        const int64_t pixels = images * band.pixels(), target_image = p.groups * p.rows * p.plane;
        float* target =
            p.target + (first_image * p.groups + g) * p.rows * p.plane + band.i0 * p.row_stride + band.j0 * p.column_stride;
        const float* bias = p.bias ? p.bias + g * p.rows : nullptr;
        const Target sums =
            dense ? Target{target, p.plane, target_image, band.pixels(), bias} : Target{area.result, pixels, 0, pixels, bias};
        for (int64_t c0 = 0; c0 < p.channels; c0 += plan.block_channels) {
            const int64_t channels = std::min(plan.block_channels, p.channels - c0), depth = channels * plan.taps;
            const float* filters = packed.data() + g * p.rows * plan.depth + c0 * plan.taps * p.rows;
            for (int64_t n = 0; n < images; ++n)
                copy.fill(p, table, band,
                          p.source + (((first_image + n) * p.groups + g) * p.channels + c0) * p.height * p.width, channels,
                          area.copy + n * image_size);
            if (plan.unpacked) {
                const int64_t vectors = unpacked_places(copy, band, lanes, area.places);
                multiply(table, tiles, range, filters, {depth, area.copy, copy.offsets.data(), area.places, vectors}, sums.c,
                         sums.ldc, bias, c0 > 0);
                continue;
            }
            for (int64_t first = 0; first < pixels; first += plan.panel_pixels) {
                const int64_t count = std::min(plan.panel_pixels, pixels - first);
                for (int64_t v = 0; v < count; v += table.nr) {
                    const int64_t cuts =
                        copy.cut(band, image_size, first + v, std::min<int64_t>(table.nr, count - v), area.segments);
                    table.pack_rows(area.copy, copy.offsets.data(), depth, area.segments, cuts, area.panel + v * depth,
                                    table.nr);
                }
                multiply_pixels(table, tiles, range, filters, depth, area.panel, panel_offsets.data(), first, count, sums,
                                c0 > 0);
            }
        }
        if (dense) return;
        for (int64_t n = 0; n < images; ++n)
            for (int64_t m = tiles.begin(range.begin); m < tiles.begin(range.end); ++m)
                for (int64_t i = 0; i < band.rows; ++i)
                    for (int64_t j = 0; j < band.columns; ++j)
                        target[n * target_image + m * p.plane + i * p.row_stride + j * p.column_stride] =
                            area.result[m * pixels + n * band.pixels() + i * band.columns + j];
    });
}

}  // namespace pycnn
