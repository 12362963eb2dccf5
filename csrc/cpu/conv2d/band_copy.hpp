// The part of a correlation's images that a band of its output plane needs, as a zero-padded copy. Its columns are sorted by phase of the
// step, so that neighbours in the output are neighbours in memory, and whole vectors of them can be loaded for every tap.
#pragma once

#include <vector>

#include "cpu/conv2d/correlation.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {

// Part of the output plane: rows [i0, i0 + rows), columns [j0, j0 + columns).
struct Band {
    int64_t i0, rows, j0, columns;
    int64_t pixels() const { return rows * columns; }
};

struct BandCopy {
    int64_t first_h, first_w;       // smallest displacements
    int64_t rows, pitch;            // of one channel; floats of a row's phase
    int64_t line, plane, row_step;  // floats from one row, one channel, one row of outputs to the next
    std::vector<int64_t> offsets;   // of each (channel, row tap, column tap) of a block of channels

    BandCopy(const Correlation& p, int64_t channels, int64_t band_rows, int64_t band_columns);

    // Copies planes side by side in memory.
    void fill(const Correlation& p, const KernelTable& table, const Band& band, const float* planes, int64_t channels,
              float* copy) const;

    // Cuts pixels [first, first + count) of a band, counted row by row, where a row ends; of several images, counted one after the other,
    // whose copies are `image` floats apart. Returns the number of segments, whose targets lie side by side.
    int64_t cut(const Band& band, int64_t image, int64_t first, int64_t count, Segment* segments) const;
};

}  // namespace pycnn
