#include "cpu/conv2d/full_width.hpp"

#include <algorithm>

#include "core/long_sum.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"
#include "cpu/long_products.hpp"
#include "ops/linear.hpp"

namespace pycnn {
namespace {

// Below this length of a patch the horizontal sums of the dot kernel are most of its work.
constexpr int64_t kLeastPatch = 64;

// dx has rows of W columns, two vectors of a tile: on narrower images the general engine is faster (W = 8 is about even).
constexpr int64_t kLeastWidth = 8;

// Rows of dx that one task takes at a time, so that A (16 tiles of 14 rows, 256 deep: 224 KiB) stays in L2.
constexpr int64_t kTaskTiles = 16;

// Filters that one task of the forward pass takes: enough to balance a batch of one sentence over a few cores.
constexpr int64_t kTaskFilters = 25;

// Adds b[c] to the planes of channel c of dx, if there is a b.
void add_to_planes(const ConvShape& s, const float* b, float* dx) {
    if (b == nullptr) return;
    const int64_t plane = s.H * s.W;
    parallel_ranges(s.N * s.C, 1, static_cast<double>(plane), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
            for (int64_t j = 0; j < plane; ++j) dx[i * plane + j] += b[i % s.C];
    });
}

// One window covers the whole image: a fully connected layer.
bool is_linear(const ConvShape& s) { return s.P == 1 && s.R == s.H && s.pad.top == 0; }

LinearShape linear_shape(const ConvShape& s) { return {s.N, s.C * s.H * s.W, s.K}; }

// The rows that the windows see: in the image itself, or, where windows reach over its edges, in a copy with rows of zeros.
struct Rows {
    int64_t count, plane, image_plane;  // plane: floats between the channels of a copy, image_plane: of an image
    bool padded;
    PaddedCopy part;

    explicit Rows(const ConvShape& s)
        : count((s.P - 1) * s.stride.h + s.R),
          plane(count * s.W),
          image_plane(s.H * s.W),
          padded(s.pad.top > 0 || count - s.pad.top > s.H),
          part{s.H, s.W, -s.pad.top, 0, count, 1, s.W} {}

    void copy(const KernelTable& table, int64_t channels, const float* image, float* target) const {
        for (int64_t c = 0; c < channels; ++c) table.pad_plane(part, image + c * image_plane, target + c * plane);
    }

    // The first row of the first window, in an image that needs no padding.
    const float* inside(const float* image) const { return image + part.first_row * part.width; }
};

}  // namespace

bool is_full_width(const ConvShape& s) {
    return s.groups == 1 && s.S == s.W && s.pad.left == 0 && s.pad.right == 0 && (s.S == 1 || s.dilation.w == 1) &&
           (s.R == 1 || s.dilation.h == 1) && s.R * s.S >= kLeastPatch && Rows(s).count <= 2 * (s.H + s.R);
}

bool is_full_width_backward_input(const ConvShape& s) { return is_full_width(s) && (s.W >= kLeastWidth || is_linear(s)); }

// y[n] (K x P) = w (K x R W) times the patches, for each channel: a dot product of contiguous runs each. A tile of filters
// (5 x 900 x 4 B = 18 KiB for windows of 3 words of 300) stays in L1 while the patches stream past it, one new row each.
void conv2d_full_width(const ConvShape& s, const float* x, const float* w, const float* b, float* y) {
    if (is_linear(s)) return linear(linear_shape(s), x, w, b, y);
    const KernelTable& table = kernels();
    const Rows rows(s);
    constexpr int64_t kChunk = 1024;  // 5 filters of 1024 taps are 20 KiB
    const int64_t patch = s.R * s.S, filter = s.C * patch;
    const int64_t blocks = ceil_div(s.K, kTaskFilters), tasks = s.N * blocks;
    const int team = team_size(tasks, s.N * s.P * s.weights());
    const int64_t copy_floats = rows.padded ? s.C * rows.plane : 0, plane = rows.padded ? rows.plane : rows.image_plane;
    const Workspace<float> copies(copy_floats * team);
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        const int64_t n = task / blocks, block = task % blocks;
        const float* image = x + n * s.C * s.H * s.W;
        float* copy = copies.data() + copy_floats * thread;
        if (rows.padded) rows.copy(table, s.C, image, copy);
        const float* source = rows.padded ? copy : rows.inside(image);
        const int64_t first = block * s.K / blocks, count = (block + 1) * s.K / blocks - first;
        float* target = y + (n * s.K + first) * s.P;
        for (int64_t k = 0; k < count; ++k) std::fill_n(target + k * s.P, s.P, b ? b[first + k] : 0.0f);
        const Tiles tiles(count, table.dot_rows);
        for (int64_t t = 0; t < tiles.count; ++t)
            for (int64_t c = 0; c < s.C; ++c)
                for (int64_t i = 0; i < patch; i += kChunk)
                    multiply_transposed(table, tiles.extent(t), s.P, std::min(kChunk, patch - i),
                                        w + (first + tiles.begin(t)) * filter + c * patch + i, filter, source + c * plane + i,
                                        s.stride.h * s.W, target + tiles.begin(t) * s.P, s.P);
    });
}

// dx[n, c] (H x W) = A (H x R K) times w[., c] (R K x W), where A[h][k, r] = dy[n, k, (h + pad - r) / stride], or zero where
// that is no output. The weights are packed once; a task packs A for some rows of its image and channel.
void conv2d_full_width_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b) {
    if (is_linear(s)) {
        linear_backward_input(linear_shape(s), dy, w, dx);
        return add_to_planes(s, b, dx);
    }
    const KernelTable& table = kernels();
    const Tiles tiles(s.H, table.tile_rows);
    const int64_t width = kMaxTileVectors * table.lanes, panels = ceil_div(s.W, width);
    // Blocks of whole filters, about 256 deep: a panel is then 256 x 32 x 4 B = 32 KiB, and a tile of A 14 KiB.
    const int64_t block_filters = std::clamp<int64_t>(256 / s.R, 1, s.K);
    const int64_t depth = s.K * s.R, channel_floats = panels * width * depth;

    // [channel][block of filters][panel][k, r][2 vectors]
    const Workspace<float> packed(s.C * channel_floats);
    parallel_ranges(s.C * s.K, 1, static_cast<double>(s.R * panels * width), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const int64_t c = i / s.K, k = i % s.K, block = k / block_filters * block_filters;
            const int64_t block_depth = std::min(block_filters, s.K - block) * s.R;
            for (int64_t v = 0; v < panels; ++v)
                for (int64_t r = 0; r < s.R; ++r) {
                    const int64_t valid = std::min(width, s.W - v * width);
                    float* target = packed.data() + c * channel_floats + block * s.R * panels * width +
                                    (v * block_depth + (k - block) * s.R + r) * width;
                    std::copy_n(w + ((k * s.C + c) * s.R + r) * s.W + v * width, valid, target);
                    std::fill(target + valid, target + width, 0.0f);
                }
        }
    });

    const int64_t blocks = ceil_div(tiles.count, kTaskTiles), tasks = s.N * s.C * blocks, deepest = block_filters * s.R;
    const int team = team_size(tasks, s.N * s.H * s.weights());
    const int64_t area = whole_lines(std::min(kTaskTiles * table.tile_rows, s.H) * deepest);
    const Workspace<float> areas(area * team);
    const Workspace<int64_t> offsets(deepest);
    packed_offsets(table, deepest, offsets.data());
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        const int64_t n = task / blocks / s.C, c = task / blocks % s.C;
        const int64_t first = task % blocks * kTaskTiles, last = std::min(first + kTaskTiles, tiles.count);
        float* a = areas.data() + area * thread;
        for (int64_t block = 0; block < s.K; block += block_filters) {
            const int64_t filters = std::min(block_filters, s.K - block), depth = filters * s.R;
            float* next = a;
            for (int64_t t = first; t < last; ++t)
                for (int64_t k = block; k < block + filters; ++k)
                    for (int64_t r = 0; r < s.R; ++r)
                        for (int64_t h = tiles.begin(t); h < tiles.begin(t + 1); ++h) {
                            const int64_t at = h + s.pad.top - r, p = at / s.stride.h;
                            const bool seen = at >= 0 && at % s.stride.h == 0 && p < s.P;
                            *next++ = seen ? dy[(n * s.K + k) * s.P + p] : 0.0f;
                        }
            for (int64_t v = 0; v < panels; ++v) {
                const int64_t columns = std::min(width, s.W - v * width);
                VectorPlace places[kMaxTileVectors];
                const int64_t vectors = packed_places(table, 0, columns, places);
                const float* panel = packed.data() + c * channel_floats + block * s.R * panels * width + v * depth * width;
                // `multiply` finds a tile by its row: A starts with row begin(first).
                multiply(table, tiles, {first, last}, a - tiles.begin(first) * depth,
                         {depth, panel, offsets.data(), places, vectors}, dx + (n * s.C + c) * s.H * s.W + v * width, s.W,
                         nullptr, block > 0);
            }
        }
    });
    add_to_planes(s, b, dx);
}

namespace {

// Groups of images of about this many windows are one sum in registers: 8 tiles of 13 filters, 13 x 256 x 4 B = 13 KiB each,
// pass over a panel of 256 x 32 x 4 B = 32 KiB.
constexpr int64_t kGroupWindows = 256;

// Columns of dw that one task takes: a multiple of the vectors of any instruction set; 900 columns are 8 tasks.
constexpr int64_t kTaskColumns = 128;

}  // namespace

// dw[., c] (K x R W) = sum over images of dy[n] (K x P) times the patches (P x R W), whose rows are loaded where they lie.
// Tasks own columns of dw and add the images up in order. Vectors may read beyond a patch, and behind the last image there is
// nothing to read: it is copied.
void conv2d_full_width_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db) {
    if (is_linear(s)) return linear_backward_weight(linear_shape(s), dy, x, dw, db);
    const KernelTable& table = kernels();
    const Rows rows(s);
    const Tiles tiles(s.K, table.tile_rows);
    const int64_t patch = s.R * s.S, image_floats = s.C * s.H * s.W;
    const int64_t group = std::max<int64_t>(kGroupWindows / s.P, 1), copied = rows.padded ? s.N : 1;
    const int64_t in_place = s.N - copied, step = s.stride.h * s.W;

    // A: for each group of images, or part of the windows of one, tiles of filters, each [image, window][filter].
    struct Group {
        int64_t first, images, window, windows;

        int64_t size() const { return images * windows; }
        int64_t begin(const ConvShape& s) const { return (first * s.P + window) * s.K; }  // in A
    };
    std::vector<Group> groups;
    const Tiles parts(s.P, kProductRun);
    for (int64_t n = 0; n < s.N;) {
        const int64_t end = n < in_place ? in_place : s.N, images = std::min(group, end - n);
        for (int64_t i = 0; i < parts.count; ++i) groups.push_back({n, images, parts.begin(i), parts.extent(i)});
        n += images;
    }
    const Workspace<float> gradients(s.N * s.P * s.K);
    parallel_ranges(static_cast<int64_t>(groups.size()), 1, static_cast<double>(group * s.P * s.K),
                    [&](int64_t begin, int64_t end) {
                        for (int64_t g = begin; g < end; ++g) {
                            const Group& part = groups[g];
                            float* next = gradients.data() + part.begin(s);
                            for (int64_t t = 0; t < tiles.count; ++t)
                                for (int64_t n = part.first; n < part.first + part.images; ++n)
                                    for (int64_t p = part.window; p < part.window + part.windows; ++p)
                                        for (int64_t k = tiles.begin(t); k < tiles.begin(t + 1); ++k)
                                            *next++ = dy[(n * s.K + k) * s.P + p];
                        }
                    });

    const int64_t copy_floats = s.C * rows.plane;
    const Workspace<float> copies(copied * copy_floats + table.lanes);
    std::fill_n(copies.data() + copied * copy_floats, table.lanes, 0.0f);
    parallel_ranges(copied, 1, static_cast<double>(copy_floats), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
            rows.copy(table, s.C, x + (in_place + i) * image_floats, copies.data() + i * copy_floats);
    });

    // Where the windows of a group start, in images that are used in place and in copies.
    std::vector<int64_t> offsets_in_place, offsets_copied;
    for (int64_t n = 0; n < group; ++n)
        for (int64_t p = 0; p < s.P; ++p) {
            offsets_in_place.push_back(n * image_floats + p * step);
            offsets_copied.push_back(n * copy_floats + p * step);
        }

    const int64_t column_tasks = ceil_div(patch, kTaskColumns), tasks = s.C * column_tasks;
    const int team = team_size(tasks, s.N * s.P * s.weights());
    const LongSumAreas totals(static_cast<int64_t>(groups.size()), s.K * kTaskColumns, team);
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        const int64_t c = task / column_tasks, first = task % column_tasks * kTaskColumns;
        const int64_t last = std::min(first + kTaskColumns, patch);
        LongSums sums(dw + c * patch + first, s.K, last - first, s.C * patch, totals.of(thread));
        for (const Group& part : groups) {
            const bool copy = part.first >= in_place;
            const float* source = (copy ? copies.data() + (part.first - in_place) * copy_floats + c * rows.plane
                                        : rows.inside(x + part.first * image_floats) + c * rows.image_plane) +
                                  part.window * step;
            sums.expect();
            const int64_t* offsets = (copy ? offsets_copied : offsets_in_place).data();
            for (int64_t j = first; j < last; j += kMaxTileVectors * table.lanes) {
                VectorPlace places[kMaxTileVectors];
                const int64_t columns = std::min<int64_t>(kMaxTileVectors * table.lanes, last - j);
                const int64_t vectors = packed_places(table, 0, columns, places);
                multiply(table, tiles, {0, tiles.count}, gradients.data() + part.begin(s),
                         {part.size(), source + j, offsets, places, vectors}, dw + c * patch + j, s.C * patch, nullptr,
                         part.first + part.window > 0);
            }
        }
        sums.finish();
    });
    parallel_ranges(s.K, 1, static_cast<double>(s.N * s.P), [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k) {
            LongSum sum;
            for (int64_t n = 0; n < s.N; ++n) sum.add(table.sum(s.P, dy + (n * s.K + k) * s.P));
            db[k] = sum.value();
        }
    });
}

}  // namespace pycnn
