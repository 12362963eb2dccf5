// The rows of an image that filters as wide as it go over.
#pragma once

#include "core/long_sum.hpp"
#include "core/parallel.hpp"
#include "core/shape.hpp"
#include "cpu/kernel_table.hpp"
#include "ops/linear.hpp"

namespace pycnn {

// One window covers the whole image: a fully connected layer.
inline bool is_linear(const ConvShape& s) { return s.P == 1 && s.R == s.H && s.pad.top == 0; }

inline LinearShape linear_shape(const ConvShape& s) { return {s.N, s.C * s.H * s.W, s.K}; }

// Adds b[c] to the planes of channel c of dx, if there is a b.
inline void add_to_planes(const ConvShape& s, const float* b, float* dx) {
    if (b == nullptr) return;
    const int64_t plane = s.H * s.W;
    parallel_ranges(s.N * s.C, 1, static_cast<double>(plane), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
            for (int64_t j = 0; j < plane; ++j) dx[i * plane + j] += b[i % s.C];
    });
}

// db[k] = sum over images and windows of dy.
inline void sum_windows(const KernelTable& table, const ConvShape& s, const float* dy, float* db) {
    parallel_ranges(s.K, 1, static_cast<double>(s.N * s.P), [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k) {
            LongSum sum;
            for (int64_t n = 0; n < s.N; ++n) sum.add(table.sum(s.P, dy + (n * s.K + k) * s.P));
            db[k] = sum.value();
        }
    });
}

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
