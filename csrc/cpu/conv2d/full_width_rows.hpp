// The rows of an image that filters as wide as it go over.
#pragma once

#include "core/shape.hpp"
#include "cpu/kernel_table.hpp"
#include "ops/linear.hpp"

namespace pycnn {

// One window covers the whole image: a fully connected layer.
inline bool is_linear(const ConvShape& s) { return s.P == 1 && s.R == s.H && s.pad.top == 0; }

inline LinearShape linear_shape(const ConvShape& s) { return {s.N, s.C * s.H * s.W, s.K}; }

// The rows that the windows see: in the image itself, or, where windows reach over its edges, in a copy with rows of zeros.
struct FullWidthRows {
    int64_t count, plane, image_plane;  // plane: floats between the channels of a copy, image_plane: of an image
    bool padded;
    PaddedCopy part;

    explicit FullWidthRows(const ConvShape& s)
        : count((s.P - 1) * s.stride.h + s.R),
          plane(count * s.W),
          image_plane(s.H * s.W),
          padded(s.pad.top > 0 || count - s.pad.top > s.H),
          part{s.H, s.W, -s.pad.top, 0, count, 1, s.W} {}

    void copy(const KernelTable& table, int64_t channels, const float* image, float* target) const {
        for (int64_t c = 0; c < channels; ++c) table.pad_plane(part, image + c * image_plane, target + c * plane);
    }

    // The first row of the first window, in an image that needs no padding.
    const float* inside(const float* image) const { return image + part.first_row * part.width; }
};

}  // namespace pycnn
