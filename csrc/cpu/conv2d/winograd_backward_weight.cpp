// Backward-weight by Winograd's tiles: at each position dU (C x K) = sum over tiles of V (tile x C), transposed, times Z (tile x K),
// with V the transformed inputs and Z the transformed gradients. Tiles are taken a chunk at a time: first all threads transform
// the chunk's strips, then each adds to its own positions and filters of dU, so that the order of the sums depends on the shape
// alone.
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
constexpr int64_t kLongestStrip = 32;
// Strips that one task reads below each other; each shares two rows of six with the one above.
constexpr int64_t kTaskStrips = 4;

struct Plan {
    StripGrid grid;
    int64_t chunk_strips, slots;  // a strip has grid.longest() slots for its tiles
    int64_t v_pitch, z_pitch, v_position, z_position;
    int64_t width, panels, u_pitch, u_position;  // of dU: [position][channel][filter]

    Plan(const ConvShape& s, const WinogradKernels& winograd, int64_t lanes)
        : grid(s.N, s.P, s.Q, winograd.tile, kLongestStrip) {
        v_pitch = channel_pitch(s.group_inputs());
        z_pitch = channel_pitch(s.group_outputs());
        const int64_t tiles = kChunkFloats / (winograd.v_positions * v_pitch + winograd.m_positions * z_pitch);
        chunk_strips = std::clamp<int64_t>(tiles / grid.longest(), 1, grid.strips());
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
    const StripGrid& grid = plan.grid;
    const int64_t inputs = s.group_inputs(), outputs = s.group_outputs(), longest = grid.longest();
    const int64_t v_vectors = ceil_div(inputs, table.lanes), z_vectors = ceil_div(outputs, table.lanes);
    const int64_t most_tasks = ceil_div(plan.chunk_strips, kTaskStrips);
    const double chunk_work = static_cast<double>(plan.slots) * winograd.u_positions * inputs * outputs;
    const int team = team_size(most_tasks, chunk_work);
    const int64_t area = whole_lines(std::max(StripReader::area_floats(longest, winograd.window, winograd.step, plan.v_pitch),
                                              StripReader::area_floats(longest, winograd.tile, winograd.tile, plan.z_pitch)));
    const Workspace<float> areas(area * team), u(winograd.u_positions * plan.u_position);
    const Workspace<float> v(winograd.v_positions * plan.v_position), z(winograd.m_positions * plan.z_position);
    const Tiles rows(inputs, table.mr);
    const int64_t u_size = winograd.u_positions * plan.u_position;
    const std::vector<int64_t> z_positions = gradients_of_filters(winograd);
    const LongSumAreas totals(ceil_div(grid.strips(), plan.chunk_strips), u_size, 1);

    for (int64_t g = 0; g < s.groups; ++g) {
        const Planes images{x + g * inputs * s.H * s.W, inputs, s.H, s.W, s.C * s.H * s.W, s.pad.top, s.pad.left};
        const Planes gradients{dy + g * outputs * s.P * s.Q, outputs, s.P, s.Q, s.K * s.P * s.Q, 0, 0};
        LongSums sums(u.data(), 1, u_size, 0, totals.of(0));
        for (int64_t first = 0; first < grid.strips(); first += plan.chunk_strips) {
            const int64_t last = std::min(first + plan.chunk_strips, grid.strips());
            parallel_for(ceil_div(last - first, kTaskStrips), team, [&](int64_t task, int thread) {
                const int64_t begin = first + task * kTaskStrips, end = std::min(begin + kTaskStrips, last);
                float* pixels = areas.data() + area * thread;
                const float* strip_rows[kMostWinogradInput];
                StripReader image_reader(table, images, winograd.window, winograd.step, plan.v_pitch, pixels);
                for (int64_t i = begin; i < end; ++i) {
                    image_reader.read(grid.strip(i), strip_rows);
                    winograd.input(grid.strip(i).tiles, v_vectors, plan.v_pitch, strip_rows,
                                   v.data() + (i - first) * longest * plan.v_pitch, plan.v_position);
                }
                StripReader gradient_reader(table, gradients, winograd.tile, winograd.tile, plan.z_pitch, pixels);
                for (int64_t i = begin; i < end; ++i) {
                    gradient_reader.read(grid.strip(i), strip_rows);
                    winograd.gradient(grid.strip(i).tiles, z_vectors, plan.z_pitch, strip_rows,
                                      z.data() + (i - first) * longest * plan.z_pitch, plan.z_position);
                }
            });
            sums.expect();
            const TileOffsets offsets(plan, first, last);
            const int64_t tasks = winograd.u_positions * plan.panels;
            parallel_for(tasks, team_size(tasks, chunk_work), [&](int64_t task, int) {
                const int64_t position = task / plan.panels, column = task % plan.panels * plan.width;
                const int64_t vectors = ceil_div(std::min(plan.width, outputs - column), table.lanes);
                for (int64_t t = 0; t < rows.count; ++t)
                    table.unpacked_gemm[rows.extent(t) - 1][vectors - 1](
                        static_cast<int64_t>(offsets.v.size()), v.data() + position * plan.v_position + rows.begin(t),
                        offsets.v.data(), 1, z.data() + z_positions[position] * plan.z_position + column, offsets.z.data(),
                        u.data() + position * plan.u_position + rows.begin(t) * plan.u_pitch + column, plan.u_pitch, nullptr,
                        first > 0);
            });
        }
        sums.finish();
        gather_weights(table, winograd, s, plan, u.data(), dw + g * s.group_outputs() * inputs * s.R * s.S);
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
