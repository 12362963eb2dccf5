#include "cpu/conv2d/winograd_rows.hpp"

#include "core/parallel.hpp"
#include "cpu/conv2d/full_width.hpp"
#include "cpu/conv2d/full_width_rows.hpp"
#include "cpu/conv2d/row_tiles.hpp"
#include "cpu/conv2d/winograd_tiles.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"

namespace pycnn {
namespace {

// Tiles of a task: three tiles of 14 rows of the GEMM kernel. V of rows of 300 numbers is 300 KiB; a filter is read once for 42 products.
constexpr int64_t kTaskTiles = 42;

// Rows and filters of at least so many numbers, and tiles enough that transforming a filter, as long as its products with two of them,
// hardly counts.
constexpr int64_t kLeastNumbers = 32, kLeastTiles = 64;
// Less than a quarter is not worth the larger rounding error.
constexpr double kLeastGain = 1.25;

// Rows of outputs (numbers `outputs`) from rows of inputs (numbers `inputs`): forward, where outputs are filters, or backward-input.
struct RowCorrelation {
    const RowWinogradKernels& winograd;
    RowTiles tiles;
    ImageRows source;
    int64_t before;  // rows of zeros above the source that the first window sees
    int64_t inputs, outputs;
    const float* filters;  // U: [position][panel of NR outputs][input][NR]
    float* target;
    int64_t pitch;  // of the target, whose images follow each other
};

struct PackedFilters {
    int64_t width, panels, panel, position;

    PackedFilters(const KernelTable& table, int64_t inputs, int64_t outputs)
        : width(table.nr), panels(ceil_div(outputs, width)), panel(inputs * width), position(panels * panel + whole_lines(1)) {}

    int64_t floats() const { return kRowPositions * position; }
};

void correlate(const KernelTable& table, const RowCorrelation& p) {
    const PackedFilters packed(table, p.inputs, p.outputs);
    const int64_t count = p.tiles.count(), tasks = ceil_div(count, kTaskTiles), tile = p.winograd.tile;
    const int64_t v_pitch = channel_pitch(p.inputs), m_pitch = channel_pitch(packed.panels * packed.width);
    const int64_t v_floats = kRowPositions * kTaskTiles * v_pitch, m_floats = kRowPositions * kTaskTiles * m_pitch;
    const int64_t area = v_floats + m_floats + whole_lines(p.outputs);
    const int team = team_size(tasks, static_cast<double>(count * kRowPositions) * static_cast<double>(p.inputs * p.outputs));
    const Workspace<float> areas(area * team);
    const Workspace<int64_t> offsets(2 * p.inputs);
    int64_t *const inputs = offsets.data(), *const columns = inputs + p.inputs;
    for (int64_t i = 0; i < p.inputs; ++i) inputs[i] = i, columns[i] = i * packed.width;
    parallel_for(tasks, team, [&](int64_t task, int thread) {
        const int64_t first = task * count / tasks, last = (task + 1) * count / tasks;
        float *v = areas.data() + area * thread, *m = v + v_floats, *beyond = m + m_floats;
        const int64_t v_position = (last - first) * v_pitch, m_position = (last - first) * m_pitch;
        for (int64_t t = first; t < last; ++t)
            transform_tile_rows(p.winograd.input, p.inputs, p.source, p.tiles.image(t), p.tiles.row(t) - p.before,
                                kRowPositions, v + (t - first) * v_pitch, v_position);
        const Tiles rows(last - first, table.mr);
        for (int64_t position = 0; position < kRowPositions; ++position)
            for (int64_t panel = 0; panel < packed.panels; ++panel) {
                const int64_t column = panel * packed.width;
                const int64_t vectors = ceil_div(std::min(packed.width, p.outputs - column), table.lanes);
                for (int64_t i = 0; i < rows.count; ++i)
                    table.unpacked_gemm[rows.extent(i) - 1][vectors - 1](
                        p.inputs, v + position * v_position + rows.begin(i) * v_pitch, inputs, v_pitch,
                        p.filters + position * packed.position + panel * packed.panel, columns,
                        m + position * m_position + rows.begin(i) * m_pitch + column, m_pitch, nullptr, false);
            }
        for (int64_t t = first; t < last; ++t) {
            const float* from[kRowPositions];
            float* to[kRowPositions];
            for (int64_t i = 0; i < kRowPositions; ++i) from[i] = m + i * m_position + (t - first) * m_pitch;
            for (int64_t i = 0; i < tile; ++i) {
                const int64_t row = p.tiles.row(t) + i;
                to[i] = row < p.tiles.rows ? p.target + (p.tiles.image(t) * p.tiles.rows + row) * p.pitch : beyond;
            }
            p.winograd.output(p.outputs, from, to);
        }
    });
}

// For forward: the numbers of a row are the terms of a sum, so the transformed filters are transposed.
void pack_for_outputs(const KernelTable& table, const ConvShape& s, const float* w, float* u) {
    const RowWinogradKernels& winograd = row_winograd_of(table, s);
    const PackedFilters packed(table, s.W, s.K);
    const int64_t pitch = whole_lines(s.W), position = packed.width * pitch, area = kRowPositions * position;
    const double work = static_cast<double>(kRowPositions * 3 * packed.panel);  // the transform, and moving it twice
    const int team = team_size(packed.panels, work * static_cast<double>(packed.panels));
    const Workspace<float> areas(area * team);
    parallel_for(packed.panels, team, [&](int64_t panel, int thread) {
        float* transformed = areas.data() + area * thread;
        const int64_t first = panel * packed.width, filters = std::min(packed.width, s.K - first);
        for (int64_t k = 0; k < filters; ++k)
            transform_tile_rows(winograd.filter, s.W, {w, s.K * s.R, s.W, 0, nullptr}, 0, (first + k) * s.R, s.R,
                                transformed + k * pitch, position);
        for (int64_t i = 0; i < kRowPositions; ++i) {
            float* target = u + i * packed.position + panel * packed.panel;
            if (filters < packed.width) std::fill_n(target, packed.panel, 0.0f);
            table.transpose(filters, s.W, transformed + i * position, pitch, target, packed.width);
        }
    });
}

// For backward-input: the filters are the terms, and their taps are flipped.
void pack_for_inputs(const KernelTable& table, const ConvShape& s, const float* w, float* u) {
    const RowWinogradKernels& winograd = row_winograd_of(table, s);
    const PackedFilters packed(table, s.K, s.W);
    const auto work = static_cast<double>(kRowPositions * 2 * packed.panels * packed.width);
    parallel_ranges(s.K, 8, work, [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k)
            for (int64_t panel = 0; panel < packed.panels; ++panel) {
                const int64_t column = panel * packed.width, valid = std::min(packed.width, s.W - column);
                const float* from[kMostRowTaps];
                float* to[kRowPositions];
                for (int64_t r = 0; r < s.R; ++r) from[r] = w + (k * s.R + s.R - 1 - r) * s.W + column;
                for (int64_t i = 0; i < kRowPositions; ++i) {
                    to[i] = u + i * packed.position + panel * packed.panel + k * packed.width;
                    std::fill(to[i] + valid, to[i] + packed.width, 0.0f);
                }
                winograd.filter(valid, from, to);
            }
    });
}

ConvShape one_image(ConvShape s) {
    s.N = 1;
    return s;
}

// A sum that is finite has no term that is not.
bool is_finite(const KernelTable& table, int64_t count, const float* x) { return table.sum(count, x) * 0.0f == 0.0f; }

}  // namespace

bool takes_winograd_rows(ConvPass pass, const ConvShape& s) {
    return takes_full_width(pass, s) && s.C == 1 && s.R >= kFewestRowTaps && s.R <= kMostRowTaps && s.stride.h == 1 &&
           s.dilation.h == 1 && !is_linear(s);
}

bool suits_winograd_rows(ConvPass pass, const ConvShape& s) {
    const int64_t rows = pass == ConvPass::backward_input ? s.H : s.P;
    const RowTiles tiles(s.N, rows, row_winograd_of(kernels(), s).tile);
    const auto products = static_cast<double>(kRowPositions * tiles.count()), plain = static_cast<double>(s.N * rows * s.R);
    return std::min(s.W, s.K) >= kLeastNumbers && tiles.count() >= kLeastTiles && products * kLeastGain < plain;
}

// Filters lie side by side in the rows of results, which are transposed at the end. An image with a result that is not finite is computed
// again, as a plain sum.
void conv2d_winograd_rows(const ConvShape& s, const float* x, const float* w, const float* b, float* y) {
    const KernelTable& table = kernels();
    const RowWinogradKernels& winograd = row_winograd_of(table, s);
    const Workspace<float> u(PackedFilters(table, s.W, s.K).floats()), zeros = row_of_zeros(s.W);
    pack_for_outputs(table, s, w, u.data());
    const int64_t pitch = whole_lines(s.K), image = s.H * s.W, outputs = s.K * s.P;
    const Workspace<float> rows(s.N * s.P * pitch);
    const RowTiles tiles(s.N, s.P, winograd.tile);
    const ImageRows source{x, s.H, s.W, image, zeros.data()};
    correlate(table, {winograd, tiles, source, s.pad.top, s.W, s.K, u.data(), rows.data(), pitch});
    parallel_ranges(s.N, 1, static_cast<double>(2 * outputs), [&](int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; ++n) {
            float* planes = y + n * outputs;
            table.transpose(s.P, s.K, rows.data() + n * s.P * pitch, pitch, planes, s.P);
            if (b == nullptr) continue;
            for (int64_t k = 0; k < s.K; ++k)
                for (int64_t p = 0; p < s.P; ++p) planes[k * s.P + p] += b[k];
        }
    });
    for (int64_t n = 0; n < s.N; ++n)
        if (!is_finite(table, outputs, y + n * outputs)) conv2d_full_width(one_image(s), x + n * image, w, b, y + n * outputs);
}

// dx = sum over k of the flipped w[k] * dy[k]: tap r of the flipped filter is tap R - 1 - r, and reaches h + pad - (R - 1 - r) from h.
void conv2d_winograd_rows_backward_input(const ConvShape& s, const float* dy, const float* w, float* dx, const float* b) {
    const KernelTable& table = kernels();
    const RowWinogradKernels& winograd = row_winograd_of(table, s);
    const Workspace<float> u(PackedFilters(table, s.K, s.W).floats()), zeros = row_of_zeros(s.K);
    pack_for_inputs(table, s, w, u.data());
    const int64_t pitch = whole_lines(s.K), image = s.H * s.W, outputs = s.K * s.P;
    const Workspace<float> rows(s.N * s.P * pitch);
    parallel_ranges(s.N, 1, static_cast<double>(outputs), [&](int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; ++n)
            table.transpose(s.K, s.P, dy + n * outputs, s.P, rows.data() + n * s.P * pitch, pitch);
    });
    const RowTiles tiles(s.N, s.H, winograd.tile);
    const ImageRows source{rows.data(), s.P, pitch, s.P * pitch, zeros.data()};
    correlate(table, {winograd, tiles, source, s.R - 1 - s.pad.top, s.K, s.W, u.data(), dx, s.W});
    add_to_planes(s, b, dx);
    for (int64_t n = 0; n < s.N; ++n)
        if (!is_finite(table, image, dx + n * image))
            conv2d_full_width_backward_input(one_image(s), dy + n * outputs, w, dx + n * image, b);
}

}  // namespace pycnn
