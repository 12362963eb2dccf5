#include "cpu/conv2d/flat_filter.hpp"

#include <algorithm>

#include "core/shape.hpp"
#include "cpu/gemm.hpp"

namespace pycnn {
namespace {

using Taps = std::vector<FlatTap>;

// Moves the free taps to the front that lie one float behind, or before, those of the group: tap r of it beside free tap r.
bool line_up(Taps& free, const Taps& group) {
    if (group.size() > free.size()) return false;
    for (size_t r = 0; r < group.size(); ++r) {
        const auto beside = [&](const FlatTap& tap) { return tap.offset + group[r].shift == group[r].offset; };
        const auto found = std::find_if(free.begin() + r, free.end(), beside);
        if (found == free.end()) return false;
        std::swap(free[r], *found);
    }
    return true;
}

FlatKind kind_of(Taps& free, const std::vector<Taps>& groups) {
    if (groups.empty()) return free.size() == 1 ? FlatKind::free_1 : free.size() == 2 ? FlatKind::free_2 : FlatKind::any;
    for (const Taps& group : groups)
        if (group.size() != groups[0].size() || !line_up(free, group)) return FlatKind::any;
    const auto is = [&](size_t count, size_t free_taps, size_t each) {
        return groups.size() == count && free.size() == free_taps && groups[0].size() == each;
    };
    const int64_t shift = groups[0][0].shift;
    if (is(2, 3, 3)) return shift == -1 && groups[1][0].shift == 1 ? FlatKind::beside_3 : FlatKind::any;
    if (is(1, 6, 3) && shift == -1) return FlatKind::before_3;
    if (shift != 1) return FlatKind::any;
    return is(1, 6, 3)   ? FlatKind::behind_3
           : is(1, 1, 1) ? FlatKind::behind_1
           : is(1, 2, 2) ? FlatKind::behind_2
                         : FlatKind::any;
}

}  // namespace

FlatTaps::FlatTaps(Taps taps, int64_t pitch, int lanes) : pitch_(pitch), lanes_(lanes) {
    std::stable_sort(taps.begin(), taps.end(), [](const FlatTap& a, const FlatTap& b) { return a.shift < b.shift; });
    Taps free;
    std::vector<Taps> groups;
    for (const FlatTap& tap : taps) {
        if (tap.shift == 0) {
            free.push_back(tap);
            continue;
        }
        if (groups.empty() || groups.back().back().shift != tap.shift) groups.emplace_back();
        groups.back().push_back(tap);
    }
    kind_ = kind_of(free, groups);
    const auto append = [this](const Taps& list) {
        sizes_.push_back(static_cast<int64_t>(list.size()));
        for (const FlatTap& tap : list) {
            indices_.push_back(tap.index);
            offsets_.push_back(tap.offset);
        }
    };
    append(free);
    for (const Taps& group : groups) {
        append(group);
        for (int64_t j = 0; j < pitch + lanes; ++j) {
            const int64_t column = j % pitch + group[0].shift;
            masks_.push_back(column >= 0 && column < pitch ? -1 : 0);
        }
    }
}

FlatAxis::FlatAxis(int64_t taps, int64_t stride, int64_t dilation, int64_t pad) {
    for (int64_t t = 0; t < taps; ++t) {
        const int64_t at = t * dilation - pad, phase = (at % stride + stride) % stride, shift = (at - phase) / stride;
        phases.push_back(phase);
        shifts.push_back(shift);
        first = t == 0 ? shift : std::min(first, shift);
        last = t == 0 ? shift : std::max(last, shift);
    }
}

int64_t flat_band_rows(int64_t rows, int64_t line, int64_t extent) {
    constexpr int64_t kL1Floats = 4096;
    const int64_t floats = std::clamp(4 * extent * line, kL1Floats, kPanelFloats);
    const int64_t most = std::clamp<int64_t>(floats / line - extent, 1, rows);
    return ceil_div(rows, ceil_div(rows, most));  // bands of nearly equal size
}

}  // namespace pycnn
