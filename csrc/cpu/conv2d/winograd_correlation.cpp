#include "cpu/conv2d/winograd_correlation.hpp"

#include <algorithm>
#include <span>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/conv2d/winograd_fetch.hpp"
#include "cpu/conv2d/winograd_filters.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"

namespace pycnn {
namespace {

// As many or a few more: a multiple of four, lest one of two or four cores has one more than the others (AlexNet's third layer,
// 13 x 13, on two cores: 7 tasks take as long as 8; 8 are 15 % faster).
int64_t tasks_of(const StripGrid& grid) { return std::min(ceil_div(winograd_tasks(grid), 4) * 4, grid.strips()); }

// Floats of inputs and outputs from which on tasks ask for pixels ahead: 4 MiB, more than stays near the cores from the last use. One image of
// 64 x 56 x 56 would take 4 % longer with it; 64 of 32 x 32 x 32 take 19 % less.
constexpr int64_t kFarFloats = 1 << 20;

// Input channels whose filters one task transforms.
constexpr int64_t kFilterChannels = 16;

// U: the transformed filters, [group][position][panel of NR outputs][input][NR]. One cache line more between
// positions, lest the stores of a filter meet in one set of the cache.
struct FilterLayout {
    int64_t width, panels, panel, position, group;

    FilterLayout(const WinogradCorrelation& p, int64_t lanes)
        : width(kNRVectors * lanes),
          panels(ceil_div(p.outputs, width)),
          panel(p.inputs * width),
          position(panels * panel + whole_lines(1)),
          group(p.winograd.u_positions * position) {}
};

void transform_all_filters(const KernelTable& table, const WinogradCorrelation& p, const FilterLayout& layout, float* u) {
    const int64_t blocks = ceil_div(p.inputs, kFilterChannels), tasks = p.groups * layout.panels * blocks;
    const double work = static_cast<double>(p.groups * layout.group);
    parallel_for(tasks, team_size(tasks, work), [&](int64_t task, int) {
        const int64_t g = task / blocks / layout.panels, panel = task / blocks % layout.panels;
        const int64_t first = panel * layout.width, outputs = std::min(layout.width, p.outputs - first);
        const int64_t begin = task % blocks * kFilterChannels, end = std::min(begin + kFilterChannels, p.inputs);
        transform_filters(table, p, g, first, outputs, begin, end, layout.width,
                          u + g * layout.group + panel * layout.panel + begin * layout.width, layout.position);
    });
}

// M = V U at all positions: `tiles` rows of inputs, and of outputs. A sum runs over the inputs of each term. Between the products,
// `fetch(part, parts)` asks for memory.
struct Products {
    const KernelTable& table;
    const WinogradCorrelation& p;
    const FilterLayout& layout;
    int64_t v_pitch, v_position, m_pitch, m_position;
    const int64_t *input_offsets, *filter_offsets;

    template <class Fetch>
    void multiply(int64_t tiles, const float* v, const float* u, float* m, Fetch&& fetch) const {
        const Tiles rows(tiles, table.mr);
        const int64_t parts = p.winograd.product_count * layout.panels * rows.count;
        int64_t part = 0;
        for (const WinogradProduct& product : std::span(p.winograd.products, p.winograd.product_count))
            for (int64_t panel = 0; panel < layout.panels; ++panel) {
                const int64_t column = panel * layout.width;
                const int64_t vectors = ceil_div(std::min(layout.width, p.outputs - column), table.lanes);
                for (int64_t t = 0; t < rows.count; ++t) {
                    fetch(part++, parts);
                    table.unpacked_gemm[rows.extent(t) - 1][vectors - 1](
                        product.terms * p.inputs, v + product.v * v_position + rows.begin(t) * v_pitch, input_offsets, v_pitch,
                        u + product.u * layout.position + panel * layout.panel, filter_offsets,
                        m + product.m * m_position + rows.begin(t) * m_pitch + column, m_pitch, nullptr, false);
                }
            }
    }
};

}  // namespace

std::vector<int64_t> images_not_finite(int64_t images, int64_t parts, const StripGrid& grid,
                                       const std::vector<unsigned char>& finite) {
    std::vector<int64_t> wrong;
    const int64_t strips = images == 0 ? 0 : grid.strips() / images;
    for (int64_t n = 0; n < images; ++n)
        for (int64_t part = 0; part < parts; ++part) {
            const auto first = finite.begin() + part * grid.strips() + n * strips;
            if (std::find(first, first + strips, 0) == first + strips) continue;
            wrong.push_back(n);
            break;
        }
    return wrong;
}

std::vector<int64_t> correlate_many_tiles(const WinogradCorrelation& p) {
    const KernelTable& table = kernels();
    const FilterLayout layout(p, table.lanes);
    const Workspace<float> u(p.groups * layout.group);
    transform_all_filters(table, p, layout, u.data());

    const WinogradKernels& winograd = p.winograd;
    const StripGrid grid = p.grid();
    const int64_t group_tasks = tasks_of(grid), tasks = p.groups * group_tasks;
    const int64_t most_tiles = ceil_div(grid.strips(), std::max<int64_t>(group_tasks, 1)) * grid.longest();
    const int64_t v_pitch = channel_pitch(p.inputs), v_vectors = ceil_div(p.inputs, table.lanes);
    const int64_t m_pitch = channel_pitch(p.outputs), m_vectors = ceil_div(p.outputs, table.lanes);
    const int64_t v_position = most_tiles * v_pitch + whole_lines(1), m_position = most_tiles * m_pitch + whole_lines(1);

    std::vector<int64_t> input_offsets, filter_offsets;
    for (int64_t term = 0; term < kMostWinogradTerms; ++term)
        for (int64_t c = 0; c < p.inputs; ++c) {
            input_offsets.push_back(term * v_position + c);
            filter_offsets.push_back(term * layout.position + c * layout.width);
        }
    const Products products{
        table, p, layout, v_pitch, v_position, m_pitch, m_position, input_offsets.data(), filter_offsets.data()};
    const Workspace<float> bias(p.groups * m_pitch);
    std::fill_n(bias.data(), p.groups * m_pitch, 0.0f);
    if (p.bias)
        for (int64_t g = 0; g < p.groups; ++g) std::copy_n(p.bias + g * p.outputs, p.outputs, bias.data() + g * m_pitch);

    const double work = static_cast<double>(grid.tiles()) * winograd.u_positions * p.groups * p.inputs * p.outputs;
    const int team = team_size(tasks, work);
    const int64_t area = whole_lines(std::max(StripReader::area_floats(grid.longest(), winograd.window, winograd.step, v_pitch),
                                              winograd.tile * winograd.tile * grid.longest() * m_pitch));
    const int64_t v_floats = whole_lines(winograd.v_positions * v_position);
    const int64_t m_floats = whole_lines(winograd.m_positions * m_position);
    const Workspace<float> areas((area + v_floats + m_floats) * team);
    std::vector<unsigned char> finite(p.groups * grid.strips());
    const auto first_strip = [&](int64_t group_task) { return group_task * grid.strips() / group_tasks; };
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        const int64_t g = task / group_tasks, begin = first_strip(task % group_tasks),
                      end = first_strip(task % group_tasks + 1);
        float* pixels = areas.data() + (area + v_floats + m_floats) * thread;
        float *v = pixels + area, *m = v + v_floats;
        const int64_t plane = p.height * p.width, out_plane = p.out_height * p.out_width;
        const Planes planes{p.source + g * p.inputs * plane, p.inputs, p.height, p.width,
                            p.groups * p.inputs * plane,     p.pad_h,  p.pad_w};
        StripReader reader(table, planes, winograd.window, winograd.step, v_pitch, pixels);
        int64_t tiles = 0;
        for (int64_t i = begin; i < end; ++i) {
            const Strip strip = grid.strip(i);
            const float* rows[kMostWinogradInput];
            reader.read(strip, rows);
            winograd.input(strip.tiles, v_vectors, v_pitch, rows, v + tiles * v_pitch, v_position);
            tiles += strip.tiles;
        }
        // What this task will write, and what the next one will read: most often that is this thread's, too.
        const int64_t next = task + 1 < tasks ? task + 1 : task, next_begin = first_strip(next % group_tasks);
        const bool far = p.images * p.groups * (p.inputs * plane + p.outputs * out_plane) >= kFarFloats;
        const StripFetcher targets(grid, winograd.tile, p.target + g * p.outputs * out_plane, p.outputs, p.out_height,
                                   p.out_width, p.groups * p.outputs * out_plane);
        const StripFetcher sources(grid, winograd.step, p.source + next / group_tasks * p.inputs * plane, p.inputs, p.height,
                                   p.width, planes.image_stride);
        products.multiply(tiles, v, u.data() + g * layout.group, m, [&](int64_t part, int64_t parts) {
            if (!far) return;
            targets.fetch(begin, end, part, parts);
            if (next != task) sources.fetch(next_begin, first_strip(next % group_tasks + 1), part, parts);
        });
        tiles = 0;
        for (int64_t i = begin; i < end; ++i) {
            const Strip strip = grid.strip(i);
            finite[g * grid.strips() + i] = winograd.output(strip.tiles, m_vectors, m_pitch, m + tiles * m_pitch, m_position,
                                                            bias.data() + g * m_pitch, pixels);
            write_strip(table, p, strip, p.outputs, pixels, m_pitch,
                        p.target + (strip.image * p.groups + g) * p.outputs * out_plane);
            tiles += strip.tiles;
        }
    });

    return images_not_finite(p.images, p.groups, grid, finite);
}

}  // namespace pycnn
