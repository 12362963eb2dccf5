// Backward-weight by Winograd's tiles. Where dU is small, slices of the tiles are worked on side by side (winograd_weight_slices.cpp). Otherwise
// tiles are taken a chunk at a time: first all threads transform the chunk's strips, then each adds to its own positions and filters of dU. So
// the order of the sums depends on the shape alone. Where one chunk has all tiles, dU is never in memory as a whole: it may be many times as
// large as the filters and the tiles.
#include <algorithm>

#include "core/long_sum.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/gemm.hpp"
#include "cpu/conv2d/winograd.hpp"
#include "cpu/conv2d/winograd_weight_tiles.hpp"
#include "cpu/long_products.hpp"

namespace pycnn {
namespace {

// V and Z of a chunk: 8 MiB, a part of L3. With 256 channels and filters that is 113 tiles, so that each float of dU, which is
// read and written once a chunk, gets 113 multiply-adds; with the fewest, 1820.
constexpr int64_t kChunkFloats = 2 << 20;
// All tiles are taken at once up to this multiple of it.
constexpr int64_t kWholeChunks = 2;
// Strips that one task reads below each other; each shares two rows of six with the one above.
constexpr int64_t kTaskStrips = 4;

// Whether one chunk has all tiles. Longer sums than a run are added up chunk by chunk.
bool takes_all_at_once(const WeightTiles& tiles) {
    return tiles.chunk_strips * kWholeChunks >= tiles.grid.strips() && tiles.grid.tiles() <= kProductRun;
}

// Strips [first, last) of a group, a chunk, by all threads.
void transform(const WeightTiles& tiles, int64_t group, const float* dy, const float* x, int64_t first, int64_t last, float* v,
               float* z) {
    const int64_t area = whole_lines(StripTransforms::area_floats(tiles)), tasks = ceil_div(last - first, kTaskStrips);
    const int team = team_size(tasks, tiles.products(tiles.chunk_strips));
    const Workspace<float> areas(area * team);
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        const int64_t begin = first + task * kTaskStrips, end = std::min(begin + kTaskStrips, last);
        StripTransforms(tiles, group, dy, x, areas.data() + area * thread)
            .transform(begin, end, (begin - first) * tiles.grid.longest(), v, z);
    });
}

// Adds the products of strips [first, last) to dU, or writes them there.
void multiply(const WeightTiles& tiles, int64_t first, int64_t last, const float* v, const float* z, float* u,
              bool accumulate) {
    const ChunkProducts products(tiles, first, last, v, z);
    const int64_t tasks = tiles.winograd.u_positions * tiles.panels;
    parallel_for(tasks, team_size(tasks, tiles.products(tiles.chunk_strips)), [&](int64_t task, int) {
        const int64_t position = task / tiles.panels, column = task % tiles.panels * tiles.width;
        for (int64_t t = 0; t < tiles.channels.count; ++t)
            products.multiply(position, t, column,
                              u + position * tiles.u_position + tiles.channels.begin(t) * tiles.u_pitch + column, tiles.u_pitch,
                              accumulate);
    });
}

// From the tiles of all strips to dw of the group. A task has a panel of filters and MR channels, whose dU stays in L2: 145 KB of 81
// positions with AVX-512.
void multiply_whole(const WeightTiles& tiles, const float* v, const float* z, float* dw) {
    const ConvShape& s = tiles.shape;
    const ChunkProducts products(tiles, 0, tiles.grid.strips(), v, z);
    const int64_t count = s.R * s.S, row = s.group_inputs() * count, width = tiles.width;
    const int64_t tasks = tiles.panels * tiles.channels.count, u_position = tiles.table.mr * width + whole_lines(1);
    const int64_t u_floats = whole_lines(tiles.winograd.u_positions * u_position);
    const int64_t area = u_floats + whole_lines(tiles.table.mr * count * width);
    const int team = team_size(tasks, tiles.products(tiles.chunk_strips));
    const Workspace<float> areas(area * team);
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        float *u = areas.data() + area * thread, *taps = u + u_floats;
        const int64_t column = task / tiles.channels.count * width, t = task % tiles.channels.count;
        const int64_t filters = std::min(width, s.group_outputs() - column), channels = tiles.channels.extent(t);
        for (int64_t position = 0; position < tiles.winograd.u_positions; ++position)
            products.multiply(position, t, column, u + position * u_position, width, false);
        for (int64_t c = 0; c < channels; ++c)
            tiles.winograd.filter_gradient(ceil_div(filters, tiles.table.lanes), u + c * width, u_position,
                                           taps + c * count * width, width);
        tiles.table.transpose(channels * count, filters, taps, width, dw + column * row + tiles.channels.begin(t) * count, row);
    });
}

// dU of a group, chunk by chunk.
void gradient_in_chunks(const WeightTiles& tiles, int64_t group, const float* dy, const float* x, float* v, float* z, float* u,
                        double* totals) {
    LongSums sums(u, 1, tiles.u_floats(), 0, totals);
    for (int64_t first = 0; first < tiles.grid.strips(); first += tiles.chunk_strips) {
        const int64_t last = std::min(first + tiles.chunk_strips, tiles.grid.strips());
        transform(tiles, group, dy, x, first, last, v, z);
        sums.expect();
        multiply(tiles, first, last, v, z, u, first > 0);
    }
    sums.finish();
}

// From dU of one group to its dw, [filter][channel][tap].
void gather_weights(const WeightTiles& tiles, const float* u, float* dw) {
    const ConvShape& s = tiles.shape;
    const WinogradKernels& winograd = tiles.winograd;
    const int64_t count = s.R * s.S, row = s.group_inputs() * count;
    const double work = static_cast<double>(winograd.u_positions * tiles.u_position) / static_cast<double>(s.group_inputs());
    parallel_ranges(s.group_inputs(), 4, work, [&](int64_t begin, int64_t end) {
        float taps[kMostWinogradTaps * kNRVectors * kMostLanes];
        for (int64_t c = begin; c < end; ++c)
            for (int64_t k = 0; k < s.group_outputs(); k += tiles.width) {
                winograd.filter_gradient(kNRVectors, u + c * tiles.u_pitch + k, tiles.u_position, taps, tiles.width);
                tiles.table.transpose(count, std::min(tiles.width, s.group_outputs() - k), taps, tiles.width,
                                      dw + k * row + c * count, row);
            }
    });
}

// Returns whether every weight's gradient is finite; if not, all are to be computed another way.
bool gradient_in_tiles(const ConvShape& s, const float* dy, const float* x, float* dw, float* db) {
    WeightTiles tiles(s, kChunkFloats);
    const int64_t strips = tiles.grid.strips();
    const bool in_slices = suits_weight_slices(tiles), at_once = !in_slices && takes_all_at_once(tiles);
    if (at_once) tiles.take(strips);
    const Workspace<float> v(in_slices ? 0 : tiles.v_floats()), z(in_slices ? 0 : tiles.z_floats());
    const Workspace<float> u(at_once ? 0 : tiles.u_floats());
    const LongSumAreas totals(at_once || in_slices ? 1 : ceil_div(strips, tiles.chunk_strips), tiles.u_floats(), 1);

    for (int64_t g = 0; g < s.groups; ++g) {
        float* const group_dw = dw + g * s.group_outputs() * s.group_inputs() * s.R * s.S;
        if (at_once) {
            transform(tiles, g, dy, x, 0, strips, v.data(), z.data());
            multiply_whole(tiles, v.data(), z.data(), group_dw);
            continue;
        }
        if (in_slices) {
            gradient_in_slices(tiles, g, dy, x, u.data());
        } else {
            gradient_in_chunks(tiles, g, dy, x, v.data(), z.data(), u.data(), totals.of(0));
        }
        gather_weights(tiles, u.data(), group_dw);
    }
    parallel_ranges(s.K, 1, static_cast<double>(s.N * s.P * s.Q), [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k) {
            LongSum sum;
            for (int64_t n = 0; n < s.N; ++n) sum.add(tiles.table.sum(s.P * s.Q, dy + (n * s.K + k) * s.P * s.Q));
            db[k] = sum.value();
        }
    });
    // A sum that is finite has no term that is not.
    return tiles.table.sum(s.weights(), dw) * 0.0f == 0.0f;
}

}  // namespace

void conv2d_winograd_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db) {
    if (!gradient_in_tiles(s, dy, x, dw, db)) conv2d_gemm_backward_weight(s, dy, x, dw, db);
}

}  // namespace pycnn
