#include "cpu/conv2d/filter_lanes_plan.hpp"

#include <algorithm>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "cpu/gemm.hpp"

namespace pycnn {
namespace {

// The sums of a task: 128 KiB. With the copy of its pixels (kPanelFloats, 256 KiB) and a panel of filters (KC x NR, 384 x 2
// vectors, 48 KiB) they stay in L2.
constexpr int64_t kResultFloats = 32 * 1024;
// Enough for a few cores to balance.
constexpr int64_t kTasks = 8;

}  // namespace

FilterLanesPlan::FilterLanesPlan(const Correlation& p, int64_t lanes) {
    taps = static_cast<int64_t>(p.dh.size() * p.dw.size());
    depth = p.channels * taps;
    block_channels = channels_of_block(p.channels, taps);
    width = kNRVectors * lanes;
    panels = ceil_div(p.rows, width);

    const auto [low_h, high_h] = std::minmax_element(p.dh.begin(), p.dh.end());
    const auto [low_w, high_w] = std::minmax_element(p.dw.begin(), p.dw.end());
    first_h = *low_h, span_h = *high_h - *low_h + 1;
    first_w = *low_w, span_w = *high_w - *low_w + 1;
    in_place = first_h >= 0 && first_w >= 0 && (p.out_height - 1) * p.step_h + *high_h < p.height &&
               (p.out_width - 1) * p.step_w + *high_w < p.width;

    // A row that alone takes twice the room is cut.
    const int64_t row_floats = block_channels * p.step_h * ((p.out_width - 1) * p.step_w + span_w);
    bands_across = std::clamp<int64_t>(std::max(row_floats / kPanelFloats, p.out_width * width / kResultFloats) / 2, 1,
                                       ceil_div(p.out_width, 4 * lanes));
    band_columns = ceil_div(p.out_width, bands_across);
    bands_across = ceil_div(p.out_width, band_columns);
    const int64_t most_rows = std::min(kPanelFloats / row_floats, kResultFloats / (width * band_columns));
    bands_down = bands_across > 1 ? p.out_height : ceil_div(p.out_height, std::max<int64_t>(most_rows, 1));
    band_rows = ceil_div(p.out_height, bands_down);
    bands_down = ceil_div(p.out_height, band_rows);
    const int64_t tasks = p.images * p.groups * bands_down * bands_across;
    parts = std::max(ceil_div(panels * width * band_rows * band_columns, kResultFloats), ceil_div(kTasks, tasks));
    parts = std::min(parts, panels);

    copy_rows = (band_rows - 1) * p.step_h + span_h;
    line = in_place ? p.width : (band_columns - 1) * p.step_w + span_w;
    plane = in_place ? p.height * p.width : copy_rows * line;
    for (int64_t c = 0; c < block_channels; ++c)
        for (int64_t h : p.dh)
            for (int64_t w : p.dw) offsets.push_back(c * plane + (h - first_h) * line + w - first_w);
}

void pack_filters(const Correlation& p, const FilterLanesPlan& plan, const KernelTable& table, float* packed) {
    constexpr int64_t kChannels = 16;  // of a task
    const int64_t blocks = ceil_div(p.channels, kChannels), tasks = p.groups * plan.panels * blocks;
    const auto [first, last] = std::minmax_element(p.filter.tap_offsets.begin(), p.filter.tap_offsets.end());
    const int64_t low = *first, run = *last - *first + 1;
    parallel_for(tasks, team_size(tasks, p.groups * p.rows * plan.depth), [&](int64_t task, int) {
        const int64_t g = task / blocks / plan.panels, panel = task / blocks % plan.panels;
        const int64_t filters = std::min(plan.width, p.rows - panel * plan.width);
        const int64_t begin = task % blocks * kChannels, end = std::min(begin + kChannels, p.channels);
        const float* w = p.filter.data + g * p.filter.group_stride + panel * plan.width * p.filter.row_stride + low;
        float* out = packed + ((g * plan.panels + panel) * plan.depth + begin * plan.taps) * plan.width;
        std::fill_n(out, (end - begin) * plan.taps * plan.width, 0.0f);
        if (p.filter.channel_stride == plan.taps && run == plan.taps &&
            std::is_sorted(p.filter.tap_offsets.begin(), p.filter.tap_offsets.end())) {
            table.transpose(filters, (end - begin) * plan.taps, w + begin * plan.taps, p.filter.row_stride, out, plan.width);
            return;
        }
        if (p.filter.row_stride == 1) {  // dx of a 1 x 1: the filters of a channel lie side by side
            for (int64_t c = begin; c < end; ++c, out += plan.width) std::copy_n(w + c * p.filter.channel_stride, filters, out);
            return;
        }
        const Workspace<float> transposed(run * plan.width);
        for (int64_t c = begin; c < end; ++c) {
            table.transpose(filters, run, w + c * p.filter.channel_stride, p.filter.row_stride, transposed.data(), plan.width);
            for (int64_t offset : p.filter.tap_offsets) {
                std::copy_n(transposed.data() + (offset - low) * plan.width, filters, out);
                out += plan.width;
            }
        }
    });
}

}  // namespace pycnn
