// Winograd's correlation with few tiles and large filters: a task has all tiles and one panel of NR outputs. It transforms the filters of
// its panel itself, some inputs at a time, and multiplies them while they are in L2. So each filter is read once, and the transformed ones,
// four times as large as the filters, are never in memory as a whole; and there are as many tasks as panels.
#include <algorithm>
#include <span>
#include <vector>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/winograd_filters.hpp"
#include "cpu/gemm.hpp"

namespace pycnn {
namespace {

// Strips that one task transforms: those below each other share two rows of six.
constexpr int64_t kTaskStrips = 4;

struct Plan {
    StripGrid grid;
    std::vector<int64_t> first_tiles;  // of each strip, and behind the last one
    int64_t v_pitch, v_position;       // V: [position][tile][input]
    int64_t width, panels;
    int64_t block_inputs, u_position;  // of a task's U: [position][input][NR]
    int64_t m_position;                // of its products M: [position][tile][NR]

    Plan(const WinogradCorrelation& p, int64_t lanes)
        : grid(p.grid()), v_pitch(channel_pitch(p.inputs)), width(kNRVectors * lanes), panels(ceil_div(p.outputs, width)) {
        first_tiles.push_back(0);
        for (int64_t i = 0; i < grid.strips(); ++i) first_tiles.push_back(first_tiles.back() + grid.strip(i).tiles);
        v_position = tiles() * v_pitch + whole_lines(1);
        const int64_t most = kPanelFloats / (p.winograd.u_positions * width);
        block_inputs = ceil_div(p.inputs, ceil_div(p.inputs, most));
        u_position = block_inputs * width + whole_lines(1);
        m_position = tiles() * width + whole_lines(1);
    }

    int64_t tiles() const { return first_tiles.back(); }
};

// Where `depth` inputs of each term lie in V and U.
struct TermOffsets {
    std::vector<int64_t> v, u;

    TermOffsets(const Plan& plan, int64_t depth) {
        for (int64_t term = 0; term < kMostWinogradTerms; ++term)
            for (int64_t c = 0; c < depth; ++c) {
                v.push_back(term * plan.v_position + c);
                u.push_back(term * plan.u_position + c * plan.width);
            }
    }
};

// All tiles of group g.
void transform_inputs(const KernelTable& table, const WinogradCorrelation& p, const Plan& plan, int64_t g, float* v) {
    const StripGrid& grid = plan.grid;
    const int64_t plane = p.height * p.width, tasks = ceil_div(grid.strips(), kTaskStrips);
    const Planes planes{p.source + g * p.inputs * plane, p.inputs, p.height, p.width,
                        p.groups * p.inputs * plane,     p.pad_h,  p.pad_w};
    const int64_t area = StripReader::area_floats(grid.longest(), p.winograd.window, p.winograd.step, plan.v_pitch);
    const int team = team_size(tasks, static_cast<double>(p.winograd.v_positions * plan.v_position));
    const Workspace<float> areas(area * team);
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        StripReader reader(table, planes, p.winograd.window, p.winograd.step, plan.v_pitch, areas.data() + area * thread);
        for (int64_t i = task * kTaskStrips; i < std::min((task + 1) * kTaskStrips, grid.strips()); ++i) {
            const float* rows[kMostWinogradInput];
            reader.read(grid.strip(i), rows);
            p.winograd.input(grid.strip(i).tiles, ceil_div(p.inputs, table.lanes), plan.v_pitch, rows,
                             v + plan.first_tiles[i] * plan.v_pitch, plan.v_position);
        }
    });
}

}  // namespace

std::vector<int64_t> correlate_few_tiles(const WinogradCorrelation& p) {
    const KernelTable& table = kernels();
    const Plan plan(p, table.lanes);
    const StripGrid& grid = plan.grid;
    const int64_t tile = p.winograd.tile, out_plane = p.out_height * p.out_width;
    const Workspace<float> v(p.winograd.v_positions * plan.v_position);

    const double products = static_cast<double>(plan.tiles()) * p.winograd.u_positions * p.inputs * p.outputs;
    const int team = team_size(plan.panels, products);
    const int64_t u_size = whole_lines(p.winograd.u_positions * plan.u_position);
    const int64_t m_size = whole_lines(p.winograd.m_positions * plan.m_position);
    const int64_t area = u_size + m_size + tile * tile * grid.longest() * plan.width;
    const Workspace<float> areas(area * team);
    const Tiles rows(plan.tiles(), table.mr);
    std::vector<unsigned char> finite(p.groups * plan.panels * grid.strips());  // [group, panel][strip]

    for (int64_t g = 0; g < p.groups; ++g) {
        transform_inputs(table, p, plan, g, v.data());
        parallel_for(plan.panels, team, [&](int64_t panel, int thread) {
            float *u = areas.data() + area * thread, *m = u + u_size, *pixels = m + m_size;
            const int64_t first = panel * plan.width, outputs = std::min(plan.width, p.outputs - first);
            const int64_t vectors = ceil_div(outputs, table.lanes);
            for (int64_t c = 0; c < p.inputs; c += plan.block_inputs) {
                const int64_t depth = std::min(plan.block_inputs, p.inputs - c);
                transform_filters(table, p, g, first, outputs, c, c + depth, plan.width, u, plan.u_position);
                const TermOffsets offsets(plan, depth);
                for (const WinogradProduct& product : std::span(p.winograd.products, p.winograd.product_count))
                    for (int64_t t = 0; t < rows.count; ++t)
                        table.unpacked_gemm[rows.extent(t) - 1][vectors - 1](
                            product.terms * depth, v.data() + product.v * plan.v_position + rows.begin(t) * plan.v_pitch + c,
                            offsets.v.data(), plan.v_pitch, u + product.u * plan.u_position, offsets.u.data(),
                            m + product.m * plan.m_position + rows.begin(t) * plan.width, plan.width, nullptr, c > 0);
            }
            float bias[kNRVectors * kMostLanes] = {};
            if (p.bias) std::copy_n(p.bias + g * p.outputs + first, outputs, bias);
            for (int64_t i = 0; i < grid.strips(); ++i) {
                const Strip strip = grid.strip(i);
                finite[(g * plan.panels + panel) * grid.strips() + i] = p.winograd.output(
                    strip.tiles, vectors, plan.width, m + plan.first_tiles[i] * plan.width, plan.m_position, bias, pixels);
                write_strip(table, p, strip, outputs, pixels, plan.width,
                            p.target + ((strip.image * p.groups + g) * p.outputs + first) * out_plane);
            }
        });
    }
    return images_not_finite(p.images, p.groups * plan.panels, grid, finite);
}

}  // namespace pycnn
