#include "cpu/conv2d/flat_filter.hpp"

#include <algorithm>

#include "core/shape.hpp"
#include "cpu/gemm.hpp"

namespace pycnn {
namespace {

using Taps = std::vector<FlatTap>;

// Moves those free taps to the front that those of the group lie beside, in the same order.
void line_up(Taps& free, const Taps& group) {
    for (size_t r = 0; r < group.size(); ++r) {
        const auto beside = [&](const FlatTap& tap) { return tap.offset + group[r].shift == group[r].offset; };
        std::swap(free[r], *std::find_if(free.begin() + r, free.end(), beside));
    }
}

FlatKind kind_of(const Taps& free, const Taps& before, const Taps& behind) {
    if (before.empty() && behind.empty()) return free.size() == 1 ? FlatKind::free_1 : FlatKind::free_2;
    if (!before.empty() && !behind.empty()) return FlatKind::beside_3;
    constexpr FlatKind kBefore[] = {FlatKind::before_1, FlatKind::before_2, FlatKind::before_3};
    constexpr FlatKind kBehind[] = {FlatKind::behind_1, FlatKind::behind_2, FlatKind::behind_3};
    return behind.empty() ? kBefore[before.size() - 1] : kBehind[behind.size() - 1];
}

}  // namespace

FlatTaps::FlatTaps(Taps taps, int64_t pitch, int lanes) : pitch_(pitch), lanes_(lanes) {
    Taps free, before, behind;
    for (const FlatTap& tap : taps) (tap.shift == 0 ? free : tap.shift < 0 ? before : behind).push_back(tap);
    for (const Taps* group : {&before, &behind}) line_up(free, *group);
    kind_ = kind_of(free, before, behind);
    append(free);
    for (const Taps* group : {&before, &behind}) {
        if (group->empty()) continue;
        append(*group);
        for (int64_t j = 0; j < pitch + lanes; ++j) {
            const int64_t column = j % pitch + group->front().shift;
            masks_.push_back(column >= 0 && column < pitch ? -1 : 0);
        }
    }
}

void FlatTaps::append(const Taps& taps) {
    for (const FlatTap& tap : taps) {
        indices_.push_back(tap.index);
        offsets_.push_back(tap.offset);
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
