// Which taps of a filter ever meet an element of the input. With much dilation and padding some meet only zeros; work areas
// must not be sized by the distance to those.
#pragma once

#include <algorithm>

#include "core/shape.hpp"

namespace pycnn {

struct TapRange {
    int64_t begin, end;
};

// Tap t of `taps` lies at p * stride + t * dilation - pad for outputs 0 <= p < out; those that reach [0, in) are a range.
// It holds one tap at least, whether or not that is visible.
inline TapRange visible_taps(int64_t in, int64_t out, int64_t taps, int64_t stride, int64_t dilation, int64_t pad) {
    const int64_t last = (out - 1) * stride - pad;  // where tap 0 is for the last output
    const int64_t begin = last >= 0 ? 0 : std::min(ceil_div(-last, dilation), taps - 1);
    const int64_t end = std::min(ceil_div(in + pad, dilation), taps);
    return {begin, std::max(begin + 1, end)};
}

// The part of the filters that is visible, and the convolution with that part alone.
struct VisiblePart {
    TapRange rows, columns;
    ConvShape shape;

    explicit VisiblePart(const ConvShape& s)
        : rows(visible_taps(s.H, s.P, s.R, s.stride.h, s.dilation.h, s.pad.top)),
          columns(visible_taps(s.W, s.Q, s.S, s.stride.w, s.dilation.w, s.pad.left)),
          shape(s) {
        shape.R = rows.end - rows.begin;
        shape.S = columns.end - columns.begin;
        shape.pad.top -= rows.begin * s.dilation.h;  // may become negative: the part starts inside the input
        shape.pad.left -= columns.begin * s.dilation.w;
    }

    bool is_whole(const ConvShape& s) const { return shape.R == s.R && shape.S == s.S; }

    // Copies the part's taps of all filters, from the whole array to the part's or back.
    void extract(const ConvShape& s, const float* whole, float* part) const {
        for_each_row(s, [&](int64_t w, int64_t p) { std::copy_n(whole + w, shape.S, part + p); });
    }
    void insert(const ConvShape& s, const float* part, float* whole) const {
        for_each_row(s, [&](int64_t w, int64_t p) { std::copy_n(part + p, shape.S, whole + w); });
    }

private:
    template <class F>
    void for_each_row(const ConvShape& s, F&& copy) const {
        for (int64_t i = 0; i < s.K * s.group_inputs(); ++i)
            for (int64_t r = 0; r < shape.R; ++r)
                copy((i * s.R + rows.begin + r) * s.S + columns.begin, (i * shape.R + r) * shape.S);
    }
};

}  // namespace pycnn
