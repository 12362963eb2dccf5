// How Winograd's convolution along one axis cuts images into tiles of rows.
#pragma once

#include <algorithm>

#include "core/memory.hpp"
#include "core/shape.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {

constexpr int64_t kRowPositions = 6;  // products of a tile, and rows of its inputs: 4 + 3 - 1, 3 + 4 - 1 or 2 + 5 - 1

inline const RowWinogradKernels& row_winograd_of(const KernelTable& table, const ConvShape& s) {
    return table.row_winograd[s.R - kFewestRowTaps];
}

// Tiles one below the other, image after image. Those at the end of an image may reach beyond it.
struct RowTiles {
    int64_t images, rows, tile, each;  // rows of outputs of an image, outputs of a tile, tiles of an image

    RowTiles(int64_t images, int64_t rows, int64_t tile)
        : images(images), rows(rows), tile(tile), each((rows + tile - 1) / tile) {}

    int64_t count() const { return images * each; }
    int64_t image(int64_t t) const { return t / each; }
    int64_t row(int64_t t) const { return t % each * tile; }  // the first one of outputs
};

// Rows of a batch of images, `pitch` floats apart; those above and below an image are zeros.
struct ImageRows {
    const float* data;
    int64_t count, pitch, image;  // rows of an image, floats of a row, floats from an image to the next
    const float* zeros;

    const float* row(int64_t n, int64_t h) const { return h >= 0 && h < count ? data + n * image + h * pitch : zeros; }
};

// A row of zeros.
inline Workspace<float> row_of_zeros(int64_t floats) {
    Workspace<float> zeros(floats);
    std::fill_n(zeros.data(), floats, 0.0f);
    return zeros;
}

// Transforms `rows` rows of an image, from `first` on, into the 6 rows from v on, `position` floats apart.
inline void transform_tile_rows(RowTransform transform, int64_t count, const ImageRows& source, int64_t image, int64_t first,
                                int64_t rows, float* v, int64_t position) {
    const float* from[kRowPositions];
    float* to[kRowPositions];
    for (int64_t i = 0; i < rows; ++i) from[i] = source.row(image, first + i);
    for (int64_t i = 0; i < kRowPositions; ++i) to[i] = v + i * position;
    transform(count, from, to);
}

}  // namespace pycnn
