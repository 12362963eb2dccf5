#include "cpu/nhwc/winograd.hpp"

#include "core/parallel.hpp"
#include "cpu/conv2d/winograd_correlation.hpp"
#include "cpu/conv2d/winograd_tiles.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/gemm.hpp"
#include "cpu/nhwc/packed_filters.hpp"

namespace pycnn {
namespace {

// Floats of a task's products that an L2 cache of 1 MiB holds beside the filters at hand. More are taken panel by panel of filters, and
// transformed before the next: 42 tiles of 384 channels are 2.3 MB, of a panel with AVX-512 0.2.
constexpr int64_t kCachedProducts = 3 << 16;

// Floats of all filters that such a cache holds: more are fetched panel by panel.
constexpr int64_t kCachedFilters = 1 << 18;

const WinogradKernels& kernels_of(const NhwcConvolution& p) {
    return p.R == 3 ? kernels().winograd_3x3 : kernels().winograd_5x5;
}

// Transforms the filters into [position][panel][c][NR].
void transform(const KernelTable& table, const WinogradKernels& winograd, int64_t inputs, int64_t outputs, const float* w,
               int64_t position, float* u) {
    const int64_t taps = winograd.taps * winograd.taps, width = table.nr;
    for (int64_t first = 0; first < outputs; first += width)
        for (int64_t c = 0; c < inputs; ++c) {
            float pixels[kMostWinogradTaps * kNRVectors * kMostLanes] = {};  // lanes without a filter stay zero
            table.transpose(std::min(width, outputs - first), taps, w + (first * inputs + c) * taps, inputs * taps, pixels,
                            width);
            winograd.filter(kNRVectors, pixels, width, u + first * inputs + c * width, position);
        }
}

}  // namespace

// The work area of a task, in floats, and how the strips of tiles are shared out.
struct WinogradConvolution::Areas {
    StripGrid grid;
    int64_t tasks, tiles;            // the most tiles of a task
    int64_t panels, m_pitch;         // panels of filters taken together, and their products for a tile and position
    int64_t v_position, m_position;  // floats of one of the 36 positions
    int64_t v_floats, m_floats, floats;

    Areas(const NhwcConvolution& p, const WinogradKernels& winograd, int mr, int64_t images, int64_t all_panels, int64_t width)
        : grid(images, p.y.height, p.y.width, winograd.tile, kWinogradTaskTiles) {
        // A task has 42 tiles, or one for a tile of the GEMM kernel where that leaves threads without one.
        const int64_t least = ceil_div(grid.tiles(), mr);
        tasks = std::max(winograd_tasks(grid), std::min<int64_t>(least, 2 * num_threads()));
        tasks = std::min(tasks, grid.strips());
        tiles = ceil_div(grid.strips(), tasks) * grid.longest();
        panels = kWinogradPositions * tiles * p.y.pitch > kCachedProducts ? 1 : all_panels;
        m_pitch = panels < all_panels ? width : p.y.pitch;
        v_position = tiles * p.x.pitch + whole_lines(1);
        m_position = tiles * m_pitch + whole_lines(1);
        v_floats = whole_lines(kWinogradPositions * v_position);
        m_floats = whole_lines(kWinogradPositions * m_position);
        floats = v_floats + m_floats + whole_lines(winograd.tile * winograd.tile * grid.longest() * m_pitch);
    }
};

Padding WinogradConvolution::border(const NhwcConvolution& p) {
    const int64_t tile = kernels_of(p).tile;
    const auto beyond = [&](int64_t outputs, int64_t inputs, int64_t pad) {
        return std::max<int64_t>((ceil_div(outputs, tile) - 1) * tile + kWinogradInput - pad - inputs, 0);
    };
    return {p.pad.top, beyond(p.y.height, p.x.height, p.pad.top), p.pad.left, beyond(p.y.width, p.x.width, p.pad.left)};
}

WinogradConvolution::WinogradConvolution(const NhwcConvolution& p, const float* w, const float* bias)
    : p_(p),
      winograd_(kernels_of(p)),
      inputs_of_group_(p.x.channels / p.groups),
      outputs_of_group_(p.y.channels / p.groups),
      width_(table_.nr),
      panels_(ceil_div(outputs_of_group_, width_)),
      panel_(inputs_of_group_ * width_),
      group_(panels_ * panel_),
      position_(p.groups * group_ + whole_lines(1)),
      filters_(kWinogradPositions * position_),
      bias_(p.y.pitch),
      zeros_(width_),
      fetches_(kWinogradPositions * position_ > kCachedFilters),
      direct_(p, w, bias) {
    for (int64_t g = 0; g < p.groups; ++g)
        transform(table_, winograd_, inputs_of_group_, outputs_of_group_,
                  w + g * outputs_of_group_ * inputs_of_group_ * p.R * p.S, position_, filters_.data() + g * group_);
    std::fill_n(bias_.data(), p.y.pitch, 0.0f);
    if (bias != nullptr) std::copy_n(bias, p.y.channels, bias_.data());
    for (int64_t c = 0; c < inputs_of_group_; ++c) inputs_.push_back(c);
    std::fill_n(zeros_.data(), width_, 0.0f);
}

void WinogradConvolution::compute(const PlanRun& run, const Areas& areas, int64_t begin, int64_t end, float* area,
                                  unsigned char* finite) const {
    const int64_t tile = winograd_.tile;
    float *v = area, *m = v + areas.v_floats, *outputs = m + areas.m_floats;
    int64_t tiles = 0;
    for (int64_t i = begin; i < end; ++i) {
        const Strip strip = areas.grid.strip(i);
        const float* rows[kWinogradInput];
        for (int64_t r = 0; r < kWinogradInput; ++r)
            rows[r] = p_.x.pixel(run, strip.image, strip.row * tile + r - p_.pad.top, strip.column * tile - p_.pad.left);
        winograd_.input(strip.tiles, ceil_div(p_.x.channels, table_.lanes), p_.x.pitch, rows, v + tiles * p_.x.pitch,
                        areas.v_position);
        tiles += strip.tiles;
    }
    for (int64_t panel = 0; panel < p_.groups * panels_; panel += areas.panels) {
        multiply(areas, panel, tiles, v, m);
        tiles = 0;
        for (int64_t i = begin; i < end; ++i) {
            const Strip strip = areas.grid.strip(i);
            write(run, areas, panel, strip, m + tiles * areas.m_pitch, outputs, finite[i]);
            tiles += strip.tiles;
        }
    }
    for (int64_t i = begin; i < end; ++i) {
        const Strip strip = areas.grid.strip(i);
        const int64_t top = strip.row * tile;
        if (strip.column == 0) p_.y.clear_beside(run, strip.image, top, std::min(tile, p_.y.height - top));
    }
}

// Filters of a panel, of which the last of a group may have fewer vectors.
WinogradConvolution::Columns WinogradConvolution::columns_of(int64_t panel) const {
    const int64_t first = panel % panels_ * width_;
    return {panel / panels_, panel / panels_ * outputs_of_group_ + first,
            ceil_div(std::min(width_, outputs_of_group_ - first), static_cast<int64_t>(table_.lanes))};
}

// The products of some panels of filters, from `first_panel` on. The tiles of a panel fetch the next one while they multiply.
void WinogradConvolution::multiply(const Areas& areas, int64_t first_panel, int64_t tiles, const float* v, float* m) const {
    const Tiles rows(tiles, table_.mr);
    const int64_t first_column = columns_of(first_panel).first, count = kWinogradPositions * areas.panels;
    const auto filters_of = [&](int64_t i) {
        return filters_.data() + i / areas.panels * position_ + (first_panel + i % areas.panels) * panel_;
    };
    for (int64_t i = 0; i < count; ++i) {
        const int64_t position = i / areas.panels;
        const Columns columns = columns_of(first_panel + i % areas.panels);
        const float* filters = filters_of(i);
        const Fetching fetching(i + 1 < count && fetches_ ? filters_of(i + 1) : nullptr, filters, inputs_of_group_, width_,
                                rows.count);
        const float* inputs = v + position * areas.v_position + columns.group * inputs_of_group_;
        float* products = m + position * areas.m_position + columns.first - first_column;
        for (int64_t t = 0; t < rows.count; ++t)
            table_.pixel_tile[rows.extent(t) - 1][columns.vectors - 1](
                inputs_of_group_, inputs + rows.begin(t) * p_.x.pitch, inputs_.data(), p_.x.pitch, filters, fetching.begin(t),
                fetching.step_of(t), zeros_.data(), nullptr, products + rows.begin(t) * areas.m_pitch, areas.m_pitch);
    }
}

// The outputs of a strip of tiles, of some panels of filters.
void WinogradConvolution::write(const PlanRun& run, const Areas& areas, int64_t first_panel, const Strip& strip, const float* m,
                                float* outputs, unsigned char& finite) const {
    const int64_t tile = winograd_.tile, pitch = areas.m_pitch;
    const int64_t top = strip.row * tile, left = strip.column * tile, width = strip.tiles * tile;
    const int64_t rows = std::min(tile, p_.y.height - top), pixels = std::min(width, p_.y.width - left);
    const bool all = areas.panels == p_.groups * panels_;
    const Columns columns = columns_of(first_panel);
    const int64_t vectors = all ? ceil_div(p_.y.channels, static_cast<int64_t>(table_.lanes)) : columns.vectors;
    if (!winograd_.output(strip.tiles, vectors, pitch, m, areas.m_position, bias_.data() + columns.first, outputs)) finite = 0;
    // Whole pixels lie side by side; of others, each is written by itself.
    const int64_t pieces = all ? 1 : pixels, floats = all ? pixels * pitch : vectors * table_.lanes;
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t q = 0; q < pieces; ++q)
            table_.clamp(floats, outputs + (r * width + q) * pitch,
                         p_.residual ? p_.residual->pixel(run, strip.image, top + r, left + q) + columns.first : nullptr,
                         p_.clamp.lower, p_.clamp.upper, p_.y.pixel(run, strip.image, top + r, left + q) + columns.first);
}

void WinogradConvolution::run(const PlanRun& run) const {
    const Areas areas(p_, winograd_, table_.mr, run.images, p_.groups * panels_, width_);
    const double work = static_cast<double>(areas.grid.tiles()) * kWinogradPositions * inputs_of_group_ * p_.y.channels;
    const int team = team_size(areas.tasks, work);
    const Workspace<float> area(areas.floats * team);
    std::vector<unsigned char> finite(areas.grid.strips(), 1);
    parallel_for(areas.tasks, team, [&](int64_t task, int thread) {
        const int64_t strips = areas.grid.strips();
        compute(run, areas, task * strips / areas.tasks, (task + 1) * strips / areas.tasks, area.data() + areas.floats * thread,
                finite.data());
    });
    const int64_t strips = areas.grid.strips() / run.images;
    for (int64_t n = 0; n < run.images; ++n)
        if (std::find(finite.begin() + n * strips, finite.begin() + (n + 1) * strips, 0) != finite.begin() + (n + 1) * strips)
            direct_.run_image(run, n);
}

}  // namespace pycnn
