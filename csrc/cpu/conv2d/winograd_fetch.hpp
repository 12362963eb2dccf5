// Asks for pixels of planes before they are read or written. A strip's pixels are short runs, one for each channel and a plane apart, of which
// the processor's own prefetchers foresee nothing, while the products, between which these calls stand, need little of the memory.
#pragma once

#include <algorithm>

#include "cpu/conv2d/winograd_tiles.hpp"

namespace pycnn {

class StripFetcher {
public:
    // A tile begins `step` pixels after the last one. The rows of inputs that a strip shares with the one below it count as the other's.
    StripFetcher(const StripGrid& grid, int64_t step, const float* planes, int64_t channels, int64_t height, int64_t width,
                 int64_t image_stride)
        : grid_(grid),
          step_(step),
          planes_(planes),
          channels_(channels),
          height_(height),
          width_(width),
          image_stride_(image_stride) {}

    // Asks for one of `parts` equal parts of strips [begin, end).
    void fetch(int64_t begin, int64_t end, int64_t part, int64_t parts) const {
        const int64_t all = (end - begin) * channels_, last = all * (part + 1) / parts;
        int64_t i = all * part / parts;
        while (i < last) {
            const int64_t strip = i / channels_, stop = std::min(last, (strip + 1) * channels_);
            fetch_channels(grid_.strip(begin + strip), i - strip * channels_, stop - strip * channels_);
            i = stop;
        }
    }

private:
    // GCC leaves out calls of functions that do nothing but this: the empty `asm` counts as something.
    static void fetch_run(const float* run, int64_t count) {
        constexpr int64_t kLine = whole_lines(1);
        for (int64_t i = 0; i < count; i += kLine) __builtin_prefetch(run + i, 0, 3);
        asm volatile("");
    }

    void fetch_channels(const Strip& strip, int64_t first, int64_t last) const {
        const int64_t row = strip.row * step_, rows = std::min(step_, height_ - row), column = strip.column * step_;
        const int64_t columns = std::min(strip.tiles * step_, width_ - column);
        if (rows <= 0 || columns <= 0) return;
        const float* run = planes_ + strip.image * image_stride_ + row * width_ + column;
        for (int64_t c = first; c < last; ++c) {
            const float* plane_run = run + c * height_ * width_;
            if (columns == width_) {
                fetch_run(plane_run, rows * columns);
            } else {
                for (int64_t i = 0; i < rows; ++i) fetch_run(plane_run + i * width_, columns);
            }
        }
    }

    const StripGrid& grid_;
    const int64_t step_;
    const float* const planes_;
    const int64_t channels_, height_, width_, image_stride_;
};

}  // namespace pycnn
