// Backward-weight by Winograd's tiles: at each position dU (C x K) = sum over tiles of V (tile x C), transposed, times Z (tile x K),
// with V the transformed inputs and Z the transformed gradients. Tiles are taken a chunk at a time: first all threads transform
// the chunk's strips, then each adds to its own positions and filters of dU, so that the order of the sums depends on the shape
// alone. Where one chunk has all tiles, dU is never in memory as a whole: it may be many times as large as the filters and the tiles.
#include <algorithm>
#include <span>
#include <vector>

#include "core/long_sum.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/gemm.hpp"
#include "cpu/conv2d/winograd.hpp"
#include "cpu/conv2d/winograd_tiles.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"
#include "cpu/long_products.hpp"

namespace pycnn {
namespace {

// V and Z of a chunk: 8 MiB, a part of L3. With 256 channels and filters that is 113 tiles, so that each float of dU, which is
// read and written once a chunk, gets 113 multiply-adds; with the fewest, 1820.
constexpr int64_t kChunkFloats = 2 << 20;
// All tiles are taken at once up to this multiple of it.
constexpr int64_t kWholeChunks = 2;
constexpr int64_t kLongestStrip = 32;
// Strips that one task reads below each other; each shares two rows of six with the one above.
constexpr int64_t kTaskStrips = 4;

struct Plan {
    StripGrid grid;
    int64_t chunk_strips, slots;  // a strip has grid.longest() slots for its tiles
    int64_t v_pitch, z_pitch, v_position, z_position;
    int64_t width, panels, u_pitch, u_position;  // of dU: [position][channel][filter]
    bool is_whole;                               // one chunk has all tiles

    Plan(const ConvShape& s, const WinogradKernels& winograd, int64_t lanes)
        : grid(s.N, s.P, s.Q, winograd.tile, kLongestStrip) {
        v_pitch = channel_pitch(s.group_inputs());
        z_pitch = channel_pitch(s.group_outputs());
        const int64_t tiles = kChunkFloats / (winograd.v_positions * v_pitch + winograd.m_positions * z_pitch);
        chunk_strips = std::clamp<int64_t>(tiles / grid.longest(), 1, grid.strips());
        // Longer sums than a run are added up chunk by chunk.
        is_whole = chunk_strips * kWholeChunks >= grid.strips() && grid.tiles() <= kProductRun;
        if (is_whole) chunk_strips = grid.strips();
        slots = chunk_strips * grid.longest();
        v_position = slots * v_pitch;
        z_position = slots * z_pitch;
        width = kNRVectors * lanes;
        panels = ceil_div(s.group_outputs(), width);
        u_pitch = panels * width;
        u_position = s.group_inputs() * u_pitch + whole_lines(1);
    }
};

// Where the tiles of strips [begin, end) lie in V and Z.
struct TileOffsets {
    std::vector<int64_t> v, z;

    TileOffsets(const Plan& plan, int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
            for (int64_t tile = 0; tile < plan.grid.strip(i).tiles; ++tile) {
                const int64_t slot = (i - begin) * plan.grid.longest() + tile;
                v.push_back(slot * plan.v_pitch);
                z.push_back(slot * plan.z_pitch);
            }
    }
};

// The position of the gradients that multiply the inputs of each position.
std::vector<int64_t> gradients_of_filters(const WinogradKernels& winograd) {
    std::vector<int64_t> positions(winograd.u_positions);
    for (const WinogradProduct& product : std::span(winograd.products, winograd.product_count))
        std::fill_n(positions.begin() + product.u, product.terms, product.m);
    return positions;
}

// The transformed tiles of a chunk, and their products.
class Chunk {
public:
    Chunk(const ConvShape& s, const WinogradKernels& winograd, const Plan& plan)
        : s_(s),
          winograd_(winograd),
          plan_(plan),
          z_positions_(gradients_of_filters(winograd)),
          v_(winograd.v_positions * plan.v_position),
          z_(winograd.m_positions * plan.z_position),
          channels_(s.group_inputs(), table_.mr),
          products_(static_cast<double>(plan.slots * winograd.u_positions) * s.group_inputs() * s.group_outputs()) {}

    // Strips [first, last) of group g.
    void transform(int64_t g, const float* dy, const float* x, int64_t first, int64_t last) {
        const int64_t inputs = s_.group_inputs(), outputs = s_.group_outputs(), longest = plan_.grid.longest();
        const int64_t v_vectors = ceil_div(inputs, table_.lanes), z_vectors = ceil_div(outputs, table_.lanes);
        const Planes images{x + g * inputs * s_.H * s_.W, inputs, s_.H, s_.W, s_.C * s_.H * s_.W, s_.pad.top, s_.pad.left};
        const Planes gradients{dy + g * outputs * s_.P * s_.Q, outputs, s_.P, s_.Q, s_.K * s_.P * s_.Q, 0, 0};
        const int64_t tile = winograd_.tile, window = winograd_.window, step = winograd_.step;
        const int64_t area = whole_lines(std::max(StripReader::area_floats(longest, window, step, plan_.v_pitch),
                                                  StripReader::area_floats(longest, tile, tile, plan_.z_pitch)));
        const int64_t tasks = ceil_div(last - first, kTaskStrips);
        const int team = team_size(tasks, products_);
        const Workspace<float> areas(area * team);
        parallel_for(tasks, team, [&](int64_t task, int thread) {
            const int64_t begin = first + task * kTaskStrips, end = std::min(begin + kTaskStrips, last);
            float* pixels = areas.data() + area * thread;
            const float* rows[kMostWinogradInput];
            StripReader image_reader(table_, images, window, step, plan_.v_pitch, pixels);
            for (int64_t i = begin; i < end; ++i) {
                const Strip strip = plan_.grid.strip(i);
                image_reader.read(strip, rows);
                winograd_.input(strip.tiles, v_vectors, plan_.v_pitch, rows, v_.data() + (i - first) * longest * plan_.v_pitch,
                                plan_.v_position);
            }
            StripReader gradient_reader(table_, gradients, tile, tile, plan_.z_pitch, pixels);
            for (int64_t i = begin; i < end; ++i) {
                const Strip strip = plan_.grid.strip(i);
                gradient_reader.read(strip, rows);
                winograd_.gradient(strip.tiles, z_vectors, plan_.z_pitch, rows,
                                   z_.data() + (i - first) * longest * plan_.z_pitch, plan_.z_position);
            }
        });
    }

    // Adds the products of strips [first, last) to dU, or writes them there.
    void multiply(int64_t first, int64_t last, float* u, bool accumulate) const {
        const TileOffsets offsets(plan_, first, last);
        const int64_t tasks = winograd_.u_positions * plan_.panels;
        parallel_for(tasks, team_size(tasks, products_), [&](int64_t task, int) {
            const int64_t position = task / plan_.panels, column = task % plan_.panels * plan_.width;
            for (int64_t t = 0; t < channels_.count; ++t)
                multiply_tile(offsets, position, t, column,
                              u + position * plan_.u_position + channels_.begin(t) * plan_.u_pitch + column, plan_.u_pitch,
                              accumulate);
        });
    }

    // From the tiles of all strips to dw of the group. A task has a panel of filters and MR channels, whose dU stays in L2: 145 KB of 81
    // positions with AVX-512.
    void multiply_whole(float* dw) const {
        const TileOffsets offsets(plan_, 0, plan_.grid.strips());
        const int64_t count = s_.R * s_.S, row = s_.group_inputs() * count, width = plan_.width;
        const int64_t tasks = plan_.panels * channels_.count, u_position = table_.mr * width + whole_lines(1);
        const int64_t u_floats = whole_lines(winograd_.u_positions * u_position);
        const int64_t area = u_floats + whole_lines(table_.mr * count * width);
        const int team = team_size(tasks, products_);
        const Workspace<float> areas(area * team);
        parallel_for(tasks, team, [&](int64_t task, int thread) {
            float *u = areas.data() + area * thread, *taps = u + u_floats;
            const int64_t column = task / channels_.count * width, t = task % channels_.count;
            const int64_t filters = std::min(width, s_.group_outputs() - column);
            for (int64_t position = 0; position < winograd_.u_positions; ++position)
                multiply_tile(offsets, position, t, column, u + position * u_position, width, false);
            for (int64_t c = 0; c < channels_.extent(t); ++c)
                winograd_.filter_gradient(ceil_div(filters, table_.lanes), u + c * width, u_position, taps + c * count * width,
                                          width);
            table_.transpose(channels_.extent(t) * count, filters, taps, width, dw + column * row + channels_.begin(t) * count,
                             row);
        });
    }

private:
    // One position of dU: tile t of the channels and a panel of filters.
    void multiply_tile(const TileOffsets& offsets, int64_t position, int64_t t, int64_t column, float* u, int64_t u_pitch,
                       bool accumulate) const {
        const int64_t vectors = ceil_div(std::min(plan_.width, s_.group_outputs() - column), table_.lanes);
        table_.unpacked_gemm[channels_.extent(t) - 1][vectors - 1](
            static_cast<int64_t>(offsets.v.size()), v_.data() + position * plan_.v_position + channels_.begin(t),
            offsets.v.data(), 1, z_.data() + z_positions_[position] * plan_.z_position + column, offsets.z.data(), u, u_pitch,
            nullptr, accumulate);
    }

    const KernelTable& table_ = kernels();
    const ConvShape& s_;
    const WinogradKernels& winograd_;
    const Plan& plan_;
    const std::vector<int64_t> z_positions_;
    const Workspace<float> v_, z_;
    const Tiles channels_;
    const double products_;  // multiply-adds of a chunk
};

// From dU of one group to its dw, [filter][channel][tap].
void gather_weights(const KernelTable& table, const WinogradKernels& winograd, const ConvShape& s, const Plan& plan,
                    const float* u, float* dw) {
    const int64_t count = s.R * s.S, row = s.group_inputs() * count;
    const double work = static_cast<double>(winograd.u_positions * plan.u_position) / static_cast<double>(s.group_inputs());
    parallel_ranges(s.group_inputs(), 4, work, [&](int64_t begin, int64_t end) {
        float taps[kMostWinogradTaps * kNRVectors * kMostLanes];
        for (int64_t c = begin; c < end; ++c)
            for (int64_t k = 0; k < s.group_outputs(); k += plan.width) {
                winograd.filter_gradient(kNRVectors, u + c * plan.u_pitch + k, plan.u_position, taps, plan.width);
                table.transpose(count, std::min(plan.width, s.group_outputs() - k), taps, plan.width, dw + k * row + c * count,
                                row);
            }
    });
}

// Returns whether every weight's gradient is finite; if not, all are to be computed another way.
bool gradient_in_tiles(const ConvShape& s, const float* dy, const float* x, float* dw, float* db) {
    const KernelTable& table = kernels();
    const WinogradKernels& winograd = winograd_of(ConvPass::backward_weight, s);
    const Plan plan(s, winograd, table.lanes);
    const int64_t strips = plan.grid.strips(), u_size = plan.is_whole ? 0 : winograd.u_positions * plan.u_position;
    Chunk chunk(s, winograd, plan);
    const Workspace<float> u(u_size);
    const LongSumAreas totals(ceil_div(strips, plan.chunk_strips), u_size, 1);

    for (int64_t g = 0; g < s.groups; ++g) {
        float* const group_dw = dw + g * s.group_outputs() * s.group_inputs() * s.R * s.S;
        if (plan.is_whole) {
            chunk.transform(g, dy, x, 0, strips);
            chunk.multiply_whole(group_dw);
            continue;
        }
        LongSums sums(u.data(), 1, u_size, 0, totals.of(0));
        for (int64_t first = 0; first < strips; first += plan.chunk_strips) {
            const int64_t last = std::min(first + plan.chunk_strips, strips);
            chunk.transform(g, dy, x, first, last);
            sums.expect();
            chunk.multiply(first, last, u.data(), first > 0);
        }
        sums.finish();
        gather_weights(table, winograd, s, plan, u.data(), group_dw);
    }
    parallel_ranges(s.K, 1, static_cast<double>(s.N * s.P * s.Q), [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k) {
            LongSum sum;
            for (int64_t n = 0; n < s.N; ++n) sum.add(table.sum(s.P * s.Q, dy + (n * s.K + k) * s.P * s.Q));
            db[k] = sum.value();
        }
    });
    // A sum that is finite has no term that is not.
    return table.sum(s.weights(), dw) * 0.0f == 0.0f;
}

}  // namespace

void conv2d_winograd_backward_weight(const ConvShape& s, const float* dy, const float* x, float* dw, float* db) {
    if (!gradient_in_tiles(s, dy, x, dw, db)) conv2d_gemm_backward_weight(s, dy, x, dw, db);
}

}  // namespace pycnn
