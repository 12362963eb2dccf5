// Backward-weight by Winograd's tiles where dU is small: a task has a slice of the strips and a dU of its own, and goes through the strips in
// chunks whose V and Z stay in L2, with the tiles transformed and multiplied by the same thread. The slices are added in order.
#include <algorithm>

#include "core/parallel.hpp"
#include "cpu/conv2d/winograd_fetch.hpp"
#include "cpu/conv2d/winograd_weight_tiles.hpp"
#include "cpu/long_products.hpp"

namespace pycnn {
namespace {

constexpr int64_t kSlices = 8;  // enough for a few cores to balance
// V and Z of a chunk, 384 KiB, and dU, 320 KiB at most (32 channels and 64 filters), fill most of an L2 of 1 MiB. 32 -> 32 channels of 32 x 32
// pixels, 64 images, take 0.84 of the time of chunks for all threads, 32 -> 64 of 16 x 16 0.9 to 1.07, 64 -> 64, with chunks of 16 tiles, 0.98 to
// 1.2 (one thread, AVX-512).
constexpr int64_t kChunkFloats = 96 << 10;
constexpr int64_t kMostWeightFloats = 80 << 10;

}  // namespace

bool suits_weight_slices(const WeightTiles& tiles) {
    const WeightTiles chunk(tiles.shape, kChunkFloats);
    const int64_t chunks = ceil_div(ceil_div(tiles.grid.strips(), kSlices), chunk.chunk_strips);
    return tiles.u_floats() <= kMostWeightFloats && chunks > 1 && chunks <= kRunsInFloat;
}

void gradient_in_slices(const WeightTiles& all, int64_t group, const float* dy, const float* x, float* u) {
    const WeightTiles tiles(all.shape, kChunkFloats);
    const ConvShape& s = tiles.shape;
    const int64_t strips = tiles.grid.strips(), u_floats = tiles.u_floats();
    const int64_t v_floats = tiles.v_floats(), z_floats = tiles.z_floats();
    const int64_t area = v_floats + z_floats + whole_lines(StripTransforms::area_floats(tiles));
    const int team = team_size(kSlices, tiles.products(strips));
    const Workspace<float> areas(area * team), copies((kSlices - 1) * u_floats);
    parallel_for(kSlices, team, [&](int64_t slice, int thread) {
        float *v = areas.data() + area * thread, *z = v + v_floats;
        float* const sums = slice == 0 ? u : copies.data() + (slice - 1) * u_floats;
        StripTransforms transforms(tiles, group, dy, x, z + z_floats);
        const StripFetcher images(tiles.grid, tiles.winograd.step, x + group * s.group_inputs() * s.H * s.W, s.group_inputs(),
                                  s.H, s.W, s.C * s.H * s.W);
        const StripFetcher gradients(tiles.grid, tiles.winograd.tile, dy + group * s.group_outputs() * s.P * s.Q,
                                     s.group_outputs(), s.P, s.Q, s.K * s.P * s.Q);
        const int64_t parts = tiles.winograd.u_positions * tiles.panels * tiles.channels.count;
        const int64_t begin = slice * strips / kSlices, end = (slice + 1) * strips / kSlices;
        for (int64_t first = begin; first < end; first += tiles.chunk_strips) {
            const int64_t last = std::min(first + tiles.chunk_strips, end);
            transforms.transform(first, last, 0, v, z);
            const ChunkProducts products(tiles, first, last, v, z);
            const int64_t next = std::min(last + tiles.chunk_strips, end);
            int64_t part = 0;
            for (int64_t position = 0; position < tiles.winograd.u_positions; ++position)
                for (int64_t column = 0; column < s.group_outputs(); column += tiles.width)
                    for (int64_t t = 0; t < tiles.channels.count; ++t, ++part) {
                        images.fetch(last, next, part, parts);
                        gradients.fetch(last, next, part, parts);
                        products.multiply(position, t, column,
                                          sums + position * tiles.u_position + tiles.channels.begin(t) * tiles.u_pitch + column,
                                          tiles.u_pitch, first > begin);
                    }
        }
    });
    parallel_ranges(u_floats, 4096, static_cast<double>(kSlices), [&](int64_t begin, int64_t end) {
        for (int64_t slice = 0; slice < kSlices - 1; ++slice) {
            const float* source = copies.data() + slice * u_floats;
            for (int64_t i = begin; i < end; ++i) u[i] += source[i];
        }
    });
}

}  // namespace pycnn
