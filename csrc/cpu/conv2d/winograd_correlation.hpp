// A convolution by Winograd's tiles: what forward and backward-input have in common.
#pragma once

#include <vector>

#include "cpu/conv2d/winograd_tiles.hpp"

namespace pycnn {

// Tiles of one task, and how many tasks of one group that makes.
constexpr int64_t kWinogradTaskTiles = 42;
inline int64_t winograd_tasks(const StripGrid& grid) {
    return ceil_div(grid.strips(), std::max<int64_t>(kWinogradTaskTiles / grid.longest(), 1));
}

// out[m] = sum over c of filter[m, c] * source[c]. The first tile begins `before` rows and columns before the first output.
struct WinogradCorrelation {
    const WinogradKernels& winograd;
    int64_t images, groups, inputs, outputs;  // inputs and outputs: of one group
    const float* source;
    int64_t height, width, pad_h, pad_w;
    const float* filters;
    int64_t group_stride, output_stride, input_stride;  // between filters, in floats
    bool flipped;                                       // along both axes
    const float* bias;
    float* target;
    int64_t out_height, out_width;
    int64_t before_h = 0, before_w = 0;

    StripGrid grid() const { return {images, out_height + before_h, out_width + before_w, winograd.tile, kWinogradTaskTiles}; }
};

// The same sums, cut into tasks by tiles (winograd_correlation.cpp) or by outputs (winograd_few_tiles.cpp). They return the images whose
// results are not all finite. A tile spreads a NaN, an infinity or an overflow over all of its outputs: those images are to be computed
// another way.
[[nodiscard]] std::vector<int64_t> correlate_many_tiles(const WinogradCorrelation& p);
[[nodiscard]] std::vector<int64_t> correlate_few_tiles(const WinogradCorrelation& p);

// The images with a zero in `finite`, [part][strip of the grid].
[[nodiscard]] std::vector<int64_t> images_not_finite(int64_t images, int64_t parts, const StripGrid& grid,
                                                     const std::vector<unsigned char>& finite);

}  // namespace pycnn
