// How Winograd's convolution cuts planes into tiles, and reads pixels with their channels side by side.
#pragma once

#include <algorithm>

#include "core/memory.hpp"
#include "core/shape.hpp"
#include "cpu/kernel_table.hpp"

namespace pycnn {

constexpr int64_t kWinogradInput = 6;         // inputs of a tile along an axis with stride 1: 4 + 3 - 1, or 2 + 5 - 1
constexpr int64_t kWinogradPositions = 36;    // products of such a tile: 6 x 6
constexpr int64_t kMostWinogradInput = 9;     // inputs of any tile along an axis
constexpr int64_t kMostWinogradTaps = 5 * 5;  // of a filter
constexpr int64_t kMostLanes = 16;            // of any instruction set

// Floats of a pixel's channels: an odd number of cache lines, so that neighbours do not meet in a few sets of the cache.
inline int64_t channel_pitch(int64_t channels) { return whole_lines(channels) | whole_lines(1); }

// Tiles side by side in one image.
struct Strip {
    int64_t image, row, column, tiles;  // row and column: of the first tile, in tiles
};

// The strips of all images, none longer than `most` tiles; those below each other follow each other.
struct StripGrid {
    int64_t images, rows, columns, segments;

    // Of tiles of `tile` x `tile` outputs.
    StripGrid(int64_t images, int64_t height, int64_t width, int64_t tile, int64_t most)
        : images(images), rows(ceil_div(height, tile)), columns(ceil_div(width, tile)), segments(ceil_div(columns, most)) {}

    int64_t strips() const { return images * segments * rows; }
    int64_t longest() const { return ceil_div(columns, segments); }
    int64_t tiles() const { return images * rows * columns; }

    Strip strip(int64_t i) const {
        const int64_t segment = i / rows % segments, column = segment * columns / segments;
        return {i / rows / segments, i % rows, column, (segment + 1) * columns / segments - column};
    }
};

// Some channels of a batch of images, zero outside their planes.
struct Planes {
    const float* data;  // the first channel of the first image
    int64_t channels, height, width, image_stride;
    int64_t pad_h, pad_w;  // pixel (i, j) of the first tile is (i - pad_h, j - pad_w) of the plane
};

// Reads the pixels of one strip after the other into a work area [row][pixel][channel]. Each row is kept, so that a strip reads
// only those that the strip above it has not.
class StripReader {
public:
    // `window` rows and columns for a tile, one every `step`. The area has area_floats floats; a pixel has `pitch`.
    StripReader(const KernelTable& table, const Planes& planes, int64_t window, int64_t step, int64_t pitch, float* area)
        : table_(table), planes_(planes), window_(window), step_(step), pitch_(pitch), area_(area) {}

    static int64_t area_floats(int64_t longest, int64_t window, int64_t step, int64_t pitch) {
        return window * (step * (longest - 1) + window) * pitch;
    }

    // rows[i] is row i of the strip's pixels until the next call.
    void read(const Strip& strip, const float* rows[kMostWinogradInput]) {
        const int64_t pixels = step_ * (strip.tiles - 1) + window_, first = step_ * strip.row;
        const bool below = last_.image == strip.image && last_.column == strip.column && last_.row + 1 == strip.row;
        for (int64_t i = 0; i < window_; ++i) {
            float* target = area_ + (first + i) % window_ * pixels * pitch_;
            if (!below || i >= window_ - step_)
                read_row(strip.image, first + i - planes_.pad_h, step_ * strip.column - planes_.pad_w, pixels, target);
            rows[i] = target;
        }
        last_ = strip;
    }

private:
    void read_row(int64_t image, int64_t row, int64_t column, int64_t pixels, float* target) const {
        const bool inside = row >= 0 && row < planes_.height;
        const int64_t begin = inside ? std::clamp<int64_t>(-column, 0, pixels) : pixels;
        const int64_t end = std::clamp<int64_t>(planes_.width - column, begin, pixels);
        std::fill(target, target + begin * pitch_, 0.0f);
        std::fill(target + end * pitch_, target + pixels * pitch_, 0.0f);
        if (begin == end) return;
        const float* source = planes_.data + image * planes_.image_stride + row * planes_.width + column + begin;
        table_.transpose(planes_.channels, end - begin, source, planes_.height * planes_.width, target + begin * pitch_,
                         pitch_);
    }

    const KernelTable& table_;
    const Planes planes_;
    const int64_t window_, step_, pitch_;
    float* const area_;
    Strip last_{-1, 0, 0, 0};
};

}  // namespace pycnn
