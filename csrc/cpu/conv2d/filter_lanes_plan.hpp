// How a correlation with lanes along the filters is cut, and how its filters are packed.
#pragma once

#include <vector>

#include "cpu/conv2d/correlation.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {

// How the output plane, the sum and the filters are cut. Fixed by the problem's shape and the instruction set alone.
struct FilterLanesPlan {
    int64_t taps, depth, block_channels;       // of the sum: depth = channels * taps, a block has whole channels
    int64_t width, panels;                     // a panel has two vectors of filters
    int64_t first_h, first_w, span_h, span_w;  // of the displacements
    int64_t band_rows, band_columns;           // of the output plane, a task's part: whole rows, or a piece of one row
    int64_t bands_down, bands_across, parts;   // a task's filters are one of `parts`
    bool in_place;                             // no window meets the padding: pixels are read where they lie
    int64_t copy_rows, line, plane;            // floats from one row, one channel to the next
    std::vector<int64_t> offsets;              // of each (channel, row tap, column tap) of a block

    FilterLanesPlan(const Correlation& p, int64_t lanes);
};

// Filters as [group][panel][channel, tap][2 vectors]; lanes without a filter are zero.
void pack_filters(const Correlation& p, const FilterLanesPlan& plan, const KernelTable& table, float* packed);

}  // namespace pycnn
