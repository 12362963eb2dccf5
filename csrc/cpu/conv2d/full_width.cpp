#include "cpu/conv2d/full_width.hpp"

#include <algorithm>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/full_width_rows.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"

namespace pycnn {
namespace {

// Below this length of a patch the horizontal sums of the dot kernel are most of its work.
constexpr int64_t kLeastPatch = 64;

// dx has rows of W columns, two vectors of a tile: on narrower images the implicit GEMM is faster (W = 8 is about even).
constexpr int64_t kLeastWidth = 8;

// Rows of dx that one task takes at a time, so that A (16 tiles of 14 rows, 256 deep: 224 KiB) stays in L2.
constexpr int64_t kTaskTiles = 16;

// Filters that one task of the forward pass takes: enough to balance a batch of one sentence over a few cores.
constexpr int64_t kTaskFilters = 25;

}  // namespace

bool takes_full_width(ConvPass pass, const ConvShape& s) {
    const bool fits = s.groups == 1 && s.S == s.W && s.pad.left == 0 && s.pad.right == 0 && (s.S == 1 || s.dilation.w == 1) &&
                      (s.R == 1 || s.dilation.h == 1) && s.R * s.S >= kLeastPatch && FullWidthRows(s).count <= 2 * (s.H + s.R);
    return fits && (pass != ConvPass::backward_input || s.W >= kLeastWidth || is_linear(s));
}

// y[n] (K x P) = w (K x R W) times the patches, for each channel: a dot product of contiguous runs each. A tile of filters
// (5 x 900 x 4 B = 18 KiB for windows of 3 words of 300) stays in L1 while the patches stream past it, one new row each.
void conv2d_full_width(const ConvShape& s, const float* x, const float* w, const float* b, float* y) {
    if (is_linear(s)) return linear(linear_shape(s), x, w, b, y);
    const KernelTable& table = kernels();
    const FullWidthRows rows(s);
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
    const Tiles tiles(s.H, table.mr);
    const int64_t width = table.nr, panels = ceil_div(s.W, width);
    // Blocks of whole filters, about 256 deep: a panel is then 256 x 32 x 4 B = 32 KiB, and a tile of A 14 KiB.
    const int64_t block_filters = std::clamp<int64_t>(256 / s.R, 1, s.K);
    const int64_t depth = s.K * s.R, channel_floats = panels * width * depth;

    // [channel][block of filters][panel][k, r][NR]
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
    const int64_t area = whole_lines(std::min(kTaskTiles * table.mr, s.H) * deepest);
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
                VectorPlace places[kNRVectors];
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

}  // namespace pycnn
